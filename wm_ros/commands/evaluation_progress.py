"""What a person sees while bags are evaluated: how many tasks are left, and each that is going on."""

from __future__ import annotations

import time

from rich.progress import BarColumn, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn

from wm_ros.commands.progress_bars import ProgressBars


class EvaluationProgress(ProgressBars):
    """Progress bars on the terminal; use as a context manager. `seconds`: how long each phase took.

    quiet: show nothing.
    """

    def __init__(self, quiet: bool = False) -> None:
        super().__init__(
            TextColumn("{task.description:34}", markup=False),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            quiet=quiet,
        )
        self._all: TaskID | None = None
        self._finished = 0
        self._shares: dict[str, float] = {}
        self._bars: dict[str, TaskID] = {}
        self._phase, self._begun = "", 0.0
        self.seconds: dict[str, float] = {}

    def begin(self, phase: str, tasks: int) -> None:
        """So many tasks are left to do."""
        self._phase, self._begun, self._finished = phase, time.monotonic(), 0
        self.seconds[phase] = 0.0
        self._all = self._progress.add_task(phase, total=max(tasks, 1), completed=0 if tasks else 1)

    def update(self, task: str, share: float) -> None:
        """A task has got so far."""
        if task not in self._bars:
            self._bars[task] = self._progress.add_task(task, total=1.0)
        self._shares[task] = share
        self._progress.update(self._bars[task], completed=share)
        self._update_all()

    def done(self, task: str, error: BaseException | None) -> None:
        """A task is finished, or has failed."""
        self._finished += 1
        self.seconds[self._phase] = time.monotonic() - self._begun
        self._shares.pop(task, None)
        if task in self._bars:
            self._progress.remove_task(self._bars.pop(task))
        self._update_all()
        self.say(f"{task}: failed: {error}" if error else f"{task}: done")

    def _update_all(self) -> None:
        if self._all is not None:
            self._progress.update(self._all, completed=self._finished + sum(self._shares.values()))
