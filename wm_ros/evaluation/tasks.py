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


def run_tasks(phase: str, tasks: Sequence[Task], jobs: int, view: View) -> None:
    """Do all tasks that are not done; when one fails, the others are done all the same, then its error is raised."""
    left = [task for task in tasks if not task.result.is_file()]
    view.begin(phase, len(left))
    if not left:
        return
    context = multiprocessing.get_context("spawn")
    reports, others = context.SimpleQueue(), set(multiprocessing.active_children())
    errors: list[BaseException] = []
    with ProcessPoolExecutor(min(jobs, len(left)), context, _start, (reports,)) as pool:
        pending: dict[Future, Task] = {pool.submit(_work, task): task for task in left}
        try:
            while pending:
                finished, _ = wait(pending, POLL_S, FIRST_COMPLETED)
                while not reports.empty():
                    view.going(*reports.get())
                for future in finished:
                    task, error = pending.pop(future), future.exception()
                    view.done(task.name, error)
                    errors += [error] if error else []
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for child in set(multiprocessing.active_children()) - others:
                child.terminate()
            raise
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
