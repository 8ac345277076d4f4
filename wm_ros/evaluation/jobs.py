"""Tasks of an evaluation: each writes one file, and one whose file is there is done already."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from wm_ros.evaluation.distributed import ProcessGroup
from wm_ros.training.worker_pool import Workers

Progress = Callable[[float], None]


@dataclass(frozen=True)
class Task:
    """`call` is given a function to report its progress, 0 .. 1, and writes the file `result` last of all."""

    name: str
    result: Path
    call: Callable[[Progress], None]


class ProgressListener(Protocol):
    """Receives the progress of tasks."""

    def begin(self, phase: str, tasks: int) -> None:
        """So many tasks are left to do."""

    def update(self, task: str, share: float) -> None:
        """A share of a task is done."""

    def done(self, task: str, error: BaseException | None) -> None:
        """A task is finished, or has failed."""


def run_tasks(
    phase: str, tasks: Sequence[Task], workers: Workers, group: ProcessGroup, listener: ProgressListener
) -> None:
    """Do all tasks that are not done, each process its share; returns when all are done, by whichever process."""
    left = group.run_on_main(lambda: [index for index, task in enumerate(tasks) if not task.result.is_file()])
    own = [tasks[index] for index in left[group.rank :: group.world_size]]
    listener.begin(phase, len(own))
    failed = None
    try:
        workers.run([(task.name, task.call) for task in own], listener.update, listener.done)
    except Exception as error:  # which the others are told before it ends this process
        failed = error
    group.synchronize(failed)
    group.wait_for_files(task.result for task in tasks)
