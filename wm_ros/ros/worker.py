"""The one thread that owns a model, fed through mailboxes of depth one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

Job = Callable[[], None]


class Worker:
    """Runs the newest job of each slot, in the order of submission, on one thread.

    A model must be used by one thread only (torch.compile breaks otherwise), and only the newest frame is
    worth its time. `on_done(slot, error)` is called on that thread after each job, with None when it went
    well: no exception ends the thread.
    """

    def __init__(self, name: str, on_done: Callable[[str, Exception | None], None]):
        self._name = name
        self._on_done = on_done
        self._changed = threading.Condition()
        self._jobs: dict[str, Job] = {}
        self._running = False
        self._began_s: float | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to take jobs; RuntimeError when the thread of an earlier start still hangs."""
        if self._thread is not None:
            raise RuntimeError(f"the {self._name} thread still works on a job from before: end the process")
        self._running = True
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 30.0) -> None:
        """Drop what waits and return when the present job is done; TimeoutError when it hangs."""
        with self._changed:
            self._running = False
            self._jobs.clear()
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(timeout_s)
            if self._thread.is_alive():
                raise TimeoutError(f"the {self._name} thread did not finish its work within {timeout_s} s")
            self._thread = None

    def submit(self, slot: str, job: Job) -> bool:
        """Put a job into its slot; True when it replaced one that was not begun. Ignored when stopped."""
        with self._changed:
            if not self._running:
                return False
            replaced = self._jobs.pop(slot, None) is not None
            self._jobs[slot] = job
            self._changed.notify()
        return replaced

    def run_and_wait(self, job: Job) -> None:
        """Do this job after those that wait, return when it is done, and raise what it raises."""
        done: Future[None] = Future()

        def run() -> None:
            try:
                job()
                done.set_result(None)
            except Exception as error:
                done.set_exception(error)

        self.submit("awaited", run)
        done.result()

    def busy_s(self) -> float:
        """Seconds of steady time the present job has taken so far; 0 between jobs."""
        began_s = self._began_s
        return 0.0 if began_s is None else time.monotonic() - began_s

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._jobs or not self._running)
                if not self._running:
                    return
                slot = next(iter(self._jobs))
                job = self._jobs.pop(slot)
            error = None
            self._began_s = time.monotonic()
            try:
                job()
            except Exception as raised:
                error = raised
            self._began_s = None
            self._on_done(slot, error)
