"""What a person sees while a model trains: a bar per phase with its figures, then the held-out scores."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from wm_ros.training.optimise import Report

SMOOTHING = 0.05
LOG_LINES = 10  # of a phase, where nobody sees bars

MEANING = {
    "one_step": "one-step error / error of predicting no change",
    "rollout": "error over the clip from true latent actions / no change",
    "action_gap_shuffled": "one-step error with another clip's latent action / with the true one",
    "action_gap_zero": "one-step error with no latent action / with the true one",
    "leakage": "one-step error across a cut between two clips / without the cut",
    "cycle": "error after borrowing the latent action to another clip and back / without",
    "kl": "nats in a latent action",
    "l1": "size of a latent action, summed over its dimensions",
    "codes_used": "share of the code book in use",
    "perplexity": "equally frequent codes that would say as much",
    "active_dimensions": "latent action dimensions in use",
    "variance": "variance of the latent action, mean of its dimensions",
    "controller_rollout": "error over the clip from robot actions / no change",
    "controller_gap": "error from robot actions / from true latent actions",
    "latent_action_r2": "R2 of the robot action read from the latent action",
    "action_probe_r2": "R2 of the robot action read from two states",
}


class TrainView:
    """Progress bars on the terminal; use as a context manager. quiet: show nothing."""

    def __init__(self, quiet: bool = False) -> None:
        self._console = Console(quiet=quiet)
        self._progress = Progress(
            TextColumn("{task.description:14}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[figures]}"),
            console=self._console,
        )

    def __enter__(self) -> TrainView:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def say(self, line: str) -> None:
        """Print a line above the bars."""
        self._console.print(line, markup=False, highlight=False)

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
            if not self._console.is_terminal and step * LOG_LINES // steps > (step - 1) * LOG_LINES // steps:
                self.say(f"{name} {step}/{steps}  {text}")

        return report

    def table(self, scores: dict[str, float]) -> None:
        """The held-out scores with their meaning."""
        table = Table("score", "value", "meaning", title="episodes that were not trained on")
        for name, value in scores.items():
            table.add_row(name, f"{value:.3f}", MEANING.get(name, ""))
        self._console.print(table)
