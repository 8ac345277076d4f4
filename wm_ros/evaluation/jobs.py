"""Tasks of an evaluation: each writes one file, and one whose file is there is done already."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from wm_ros.evaluation.distributed import Together
from wm_ros.training.worker_pool import Workers

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


def do(phase: str, tasks: Sequence[Task], workers: Workers, together: Together, view: View) -> None:
    """Do all tasks that are not done, each process its share; returns when all are done, by whichever process."""
    left = together.by_main(lambda: [place for place, task in enumerate(tasks) if not task.result.is_file()])
    mine = [tasks[place] for place in left[together.number :: together.count]]
    view.begin(phase, len(mine))
    failed = None
    try:
        workers.run([(task.name, task.call) for task in mine], view.going, view.done)
    except Exception as error:  # which the others are told before it ends this process
        failed = error
    together.settle(failed)
    together.share_files(task.result for task in tasks)
