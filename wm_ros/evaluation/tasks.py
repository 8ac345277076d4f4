"""Tasks spread over processes: each writes one file, and one whose file is there is done already.

`concurrent.futures`: a task is a whole bag or a whole question that reads and writes files, so a pool of processes is
all that is needed, and it comes with Python.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from types import TracebackType
from typing import Protocol

from wm_ros.evaluation.evidence.ask import EvaluationError

POLL_S = 0.2
REPORT_EVERY_S = 0.3

Progress = Callable[[float], None]


@dataclass(frozen=True)
class Task:
    """`call` is given a function to report its progress, 0 .. 1, and writes the file `result` last of all."""

    name: str
    result: Path
    call: Callable[[Progress], None]


class View(Protocol):
    """Who is told how it goes."""

    def begin(self, phase: str, tasks: int) -> None:
        """So many tasks are left to do."""

    def going(self, task: str, share: float) -> None:
        """A task has got so far."""

    def done(self, task: str, error: BaseException | None) -> None:
        """A task is finished, or has failed."""


class Workers:
    """Processes that do tasks; use as a context manager. An interrupt ends them, and what they have not finished."""

    def __init__(self, jobs: int, view: View) -> None:
        context = multiprocessing.get_context("spawn")
        self._reports, self._others = context.SimpleQueue(), set(multiprocessing.active_children())
        self._pool = ProcessPoolExecutor(jobs, context, _start, (self._reports,))
        self._view = view

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=kind is None, cancel_futures=True)
        if kind is not None:
            for child in set(multiprocessing.active_children()) - self._others:
                child.terminate()

    def run(self, phase: str, tasks: Sequence[Task]) -> None:
        """Do all tasks that are not done; when one fails, the others are done first, then its error is raised."""
        left = [task for task in tasks if not task.result.is_file()]
        self._view.begin(phase, len(left))
        errors: list[BaseException] = []
        pending: dict[Future, Task] = {self._pool.submit(_work, task): task for task in left}
        while pending:
            finished, _ = wait(pending, POLL_S, FIRST_COMPLETED)
            while not self._reports.empty():
                self._view.going(*self._reports.get())
            for future in finished:
                task, error = pending.pop(future), future.exception()
                self._view.done(task.name, error)
                errors += [error] if error else []
        if errors and isinstance(errors[0], BrokenProcessPool):
            raise EvaluationError(
                "a process was ended from outside, perhaps for want of memory: lower --jobs, and run the same command "
                "again, which goes on from here"
            ) from errors[0]
        if errors:
            raise errors[0]


_reports: SimpleQueue


def _start(reports: SimpleQueue) -> None:
    """Make this process a worker."""
    import torch

    from wm_ros.training.memory import keep_memory

    global _reports
    _reports = reports
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C is answered by the parent
    torch.set_num_threads(1)
    keep_memory()


def _work(task: Task) -> None:
    last = 0.0

    def progress(share: float) -> None:
        nonlocal last
        if time.monotonic() - last >= REPORT_EVERY_S:
            last = time.monotonic()
            _reports.put((task.name, share))

    task.call(progress)
