"""A pool of processes for tasks of minutes: it reports how far each is, and leaves none behind.

`concurrent.futures`: a task reads and writes files, so a pool of processes is all that is needed, and it comes with
Python.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.queues import SimpleQueue
from types import TracebackType
from typing import Any, Protocol

POLL_S = 0.2
REPORT_EVERY_S = 0.3
# What launchers say of the processes that they start, by which Accelerate would look for the others.
OF_LAUNCHERS = (
    "RANK",
    "WORLD_SIZE",
    "LOCAL_RANK",
    "LOCAL_WORLD_SIZE",
    "ACCELERATE_",
    "OMPI_",
    "PMI_",
    "MV2_",
)


class WorkersError(RuntimeError):
    """A process was ended by somebody else; the message says what to do."""


class Report(Protocol):
    """Given to a task, to say how far it is; most often nobody is told, for that would take longer than the task."""

    def __call__(self, *progress: Any, at_once: bool = False) -> None: ...


Call = Callable[[Report], None]


class Workers:
    """Processes that do tasks, one thread each; use as a context manager. An interrupt ends them and their tasks."""

    def __init__(self, jobs: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._reports, self._others = context.SimpleQueue(), set(multiprocessing.active_children())
        self._pool = ProcessPoolExecutor(jobs, context, _start, (self._reports,))

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=kind is None, cancel_futures=True)
        if kind is not None:
            for child in set(multiprocessing.active_children()) - self._others:
                child.terminate()

    def run(
        self,
        tasks: Sequence[tuple[str, Call]],
        progress: Callable[..., None],
        done: Callable[[str, BaseException | None], None],
    ) -> None:
        """Do all tasks, given by name; when one fails, the others are done first, then its error is raised.

        progress: told a task's name and what it reports; done: its name and its error. A task must be picklable.
        """
        errors: list[BaseException] = []
        pending: dict[Future, str] = {self._pool.submit(_work, name, call): name for name, call in tasks}
        while pending:
            finished, _ = wait(pending, POLL_S, FIRST_COMPLETED)
            while not self._reports.empty():
                progress(*self._reports.get())
            # In the order of the tasks, which a set has not.
            for future in [one for one in pending if one in finished]:
                name, error = pending.pop(future), future.exception()
                done(name, error)
                errors += [error] if error else []
        if errors and isinstance(errors[0], BrokenProcessPool):
            raise WorkersError(
                "a process was ended from outside, perhaps for want of memory: lower --jobs, and run the same command "
                "again, which goes on from here"
            ) from errors[0]
        if errors:
            raise errors[0]


_reports: SimpleQueue


def _start(reports: SimpleQueue) -> None:
    """Make this process a worker."""
    global _reports
    _reports = reports
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C is answered by the parent
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    for name in [name for name in os.environ if name.startswith(OF_LAUNCHERS)]:
        del os.environ[name]  # the parent may be one of several, but what a worker trains it trains alone

    import torch

    from wm_ros.training.malloc import keep_memory

    torch.set_num_threads(1)
    keep_memory()


def _end_with_the_parent() -> None:
    """A parent that is killed cannot end its workers, and they would wait for tasks for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


def _work(name: str, call: Call) -> None:
    last = 0.0

    def report(*progress: Any, at_once: bool = False) -> None:
        nonlocal last
        now = time.monotonic()
        if at_once or now - last >= REPORT_EVERY_S:
            last = now
            _reports.put((name, *progress))

    call(report)
