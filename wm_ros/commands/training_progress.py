"""What a person sees while a model trains: a bar per phase with its figures, then the held-out scores."""

from __future__ import annotations

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from wm_ros.commands.progress_bars import ProgressBars
from wm_ros.training.metric_descriptions import METRIC_DESCRIPTIONS
from wm_ros.training.optimise import Report

SMOOTHING = 0.05


class TrainingProgress(ProgressBars):
    """Progress bars on the terminal; use as a context manager. quiet: show nothing."""

    def __init__(self, quiet: bool = False) -> None:
        super().__init__(
            TextColumn("{task.description:14}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[figures]}"),
            quiet=quiet,
        )

    def phase(self, name: str, steps: int) -> Report:
        """A new bar; the figures shown are running means."""
        task = self._progress.add_task(name, total=steps, figures="")
        means: dict[str, float] = {}

        def report(step: int, figures: dict[str, float]) -> None:
            for key, value in figures.items():
                before = means.get(key, value)
                means[key] = before + SMOOTHING * (value - before)
            text = "  ".join(f"{key} {value:.3f}" for key, value in means.items())
            self._progress.update(task, completed=step, figures=text)
            self._log(name, step, steps, text)

        return report

    def table(self, scores: dict[str, float]) -> None:
        """The held-out scores with their meaning."""
        table = Table("score", "value", "meaning", title="episodes that were not trained on")
        for name, value in scores.items():
            table.add_row(name, f"{value:.3f}", METRIC_DESCRIPTIONS.get(name, ""))
        self._console.print(table)
