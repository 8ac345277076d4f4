"""What a person sees while models are compared: how many runs are left, and each that is going on with its figures."""

from __future__ import annotations

from typing import Any

from rich.progress import (
    BarColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column, Table

from wm_ros.commands.progress_bars import ProgressBars
from wm_ros.training.optimise import Report

SHOWN = ("error_to_copy", "action_gap_shuffled", "displacement", "inverse", "foreground")
SUMMARY = ("one_step", "action_gap_shuffled", "controller_gap", "planning_success")


class SweepProgress(ProgressBars):
    """Progress bars on the terminal; use as a context manager.

    shown, summary: figures of a run that is going on, and of one that is finished.
    """

    def __init__(self, shown: tuple[str, ...] = SHOWN, summary: tuple[str, ...] = SUMMARY) -> None:
        super().__init__(
            TextColumn("{task.description:34}"),
            BarColumn(bar_width=20),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[figures]}"),
        )
        self._shown, self._summary = shown, summary
        self._all: TaskID | None = None
        self._finished = 0
        self._shares: dict[str, float] = {}
        self._bars: dict[str, TaskID] = {}

    def phase(self, name: str, steps: int) -> Report:
        """A bar of something that comes before the runs."""
        bar = self._progress.add_task(name, total=steps, figures="")

        def report(step: int, figures: dict[str, float]) -> None:
            text = _text(figures, self._shown)
            self._progress.update(bar, completed=step, figures=text)
            self._log(name, step, steps, text)

        return report

    def begin(self, runs: int) -> None:
        """So many runs are left to do."""
        self.say(f"{runs} runs to do")
        if runs:
            self._all = self._progress.add_task("all runs", total=runs, figures="")

    def progress(self, run: str, phase: str, share: float, figures: dict[str, float]) -> None:
        """A run has got so far."""
        if run not in self._bars:
            self._bars[run] = self._progress.add_task(run, total=1.0, figures="")
        self._shares[run] = share
        self._progress.update(
            self._bars[run],
            completed=share,
            description=f"{run}: {phase}",
            figures=_text(figures, self._shown),
        )
        self._update_all()

    def done(self, run: str, figures: dict[str, float], error: BaseException | None) -> None:
        """A run is finished, or has failed."""
        self._finished += 1
        self._shares.pop(run, None)
        if run in self._bars:
            self._progress.remove_task(self._bars.pop(run))
        self._update_all()
        self.say(f"{run}: failed: {error}" if error else f"{run}: {_text(figures, self._summary)}")

    def table(self, table: dict[str, Any]) -> None:
        """The means of all models; least and most take more room than a terminal has."""
        columns = [Column(model, overflow="fold") for model in table["rows"]]
        view = Table("", *columns, title="episodes that were not trained on, mean of the seeds")
        for name in table["figures"]:
            means = [f"{row[name]['mean']:.3g}" if name in row else "" for row in table["rows"].values()]
            view.add_row(name.replace("_", " "), *means)
        self._console.print(view)

    def _update_all(self) -> None:
        if self._all is not None:
            self._progress.update(self._all, completed=self._finished + sum(self._shares.values()))


def _text(figures: dict[str, float], names: tuple[str, ...]) -> str:
    return "  ".join(f"{name} {figures[name]:.3g}" for name in names if name in figures)
