"""The runs that are compared, what is kept of each, and what has been done already."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from wm_ros.evaluation.plan_error import PLANNER
from wm_ros.models.bottlenecks.kinds import CHOICES, KINDS, LABELLED
from wm_ros.models.card import read_card
from wm_ros.planning.options import PlannerOptions
from wm_ros.training.run_identity import differences
from wm_ros.training.train import TrainOptions

BASELINE = "action-labelled"
MODELS = (*CHOICES, BASELINE)
RANDOM = "random actions"
VALUE = " = "  # between the number of a bottleneck and its value, in the name of a model


class SweepError(RuntimeError):
    """A comparison that cannot go on; the message names the folder, what differs or ended, and what to do."""


@dataclass(frozen=True)
class Run:
    """One model and seed, in a folder of its own: its checkpoint, and in bench.json how it plans.

    options: None for random actions, which need no training. goals: pictures to drive to, 0 for none, and planner: how.
    """

    model: str
    seed: int
    folder: Path
    options: TrainOptions | None
    goals: int
    planner: PlannerOptions

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def asked(self) -> dict[str, Any]:
        """How planning is measured."""
        return {"goals": self.goals, "planner": asdict(self.planner), "plan_error": asdict(PLANNER)}

    @property
    def trained(self) -> bool:
        return self.options is None or (self.folder / "card.json").is_file()

    @property
    def untrained(self) -> TrainOptions | None:
        """How it is yet to be trained; None where nothing is left to train."""
        return None if self.trained else self.options

    @property
    def planning(self) -> dict[str, float] | None:
        """Planning success and plan errors where they were measured as asked, else None."""
        path = self.folder / "bench.json"
        found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        return found["figures"] if found.get("asked") == self.asked else None

    @property
    def figures(self) -> dict[str, float]:
        """All that was measured of a finished run."""
        metrics = {} if self.options is None else read_card(self.folder).metrics
        return {**metrics, **(self.planning or {})}

    def keep_planning(self, figures: dict[str, float]) -> None:
        """Write what planning came to."""
        self.folder.mkdir(exist_ok=True)
        write_json(self.folder / "bench.json", {"asked": self.asked, "figures": figures})

    def require_same_options(self) -> None:
        """Raise SweepError when the folder holds a checkpoint that was trained with other options."""
        if self.options is None or not self.trained:
            return
        found = differences(read_card(self.folder).training.get("options"), asdict(self.options))
        if found:
            raise SweepError(
                f"{self.folder} was trained with other options: {'; '.join(found)}. Give another --out, or delete the "
                "folder to train it anew"
            )


def varied(entry: str) -> list[str]:
    """The models of an entry such as `noise=0.001,0.01`: a bottleneck with other values of its number than the default.

    They are called `noise, beta = 0.001`. Raises SweepError for what is no such entry.
    """
    kind, _, values = entry.partition("=")
    numbers = KINDS[kind].options if kind in CHOICES else {}
    if not numbers or not values:
        known = ", ".join(f"{name}=VALUE,..." for name in CHOICES if KINDS[name].options)
        raise SweepError(f"--vary {entry!r} is none of {known}")
    ((number, option),) = numbers.items()
    models = []
    for text in values.split(","):
        try:
            value = type(option.default)(text)
        except ValueError:
            value = None
        if not option.allows(value):
            raise SweepError(
                f"--vary {entry!r}: {number} must lie in [{option.low:g}, {option.high:g}]"
                f"{' and be whole' if isinstance(option.default, int) else ''}, got {text!r}"
            )
        if value != option.default:
            models.append(f"{kind}, {number}{VALUE}{value}")
    return models


def bottleneck_of(model: str) -> dict[str, Any]:
    """The entry `bottleneck` of a card, of a model by its name in the table."""
    if model == BASELINE:
        return {"name": LABELLED}
    kind, _, number = model.partition(", ")
    if not number:
        return {"name": kind}
    name, _, value = number.partition(VALUE)
    return {"name": kind, name: type(KINDS[kind].options[name].default)(value)}


def all_runs(
    out: Path, shared: TrainOptions, models: Sequence[str], seeds: int, goals: int, planner: PlannerOptions
) -> list[Run]:
    """Every model with every seed, seed by seed, so that a comparison which is ended early is one of fewer seeds."""
    runs = []
    for seed in range(seeds):
        for model in models:
            options = replace(shared, seed=seed, labelled=model == BASELINE, bottleneck=bottleneck_of(model))
            folder = out / f"{model.replace(', ', '-').replace(VALUE, '')}-{seed}"
            runs.append(Run(model, seed, folder, options, goals, planner))
        runs.append(Run(RANDOM, seed, out / f"random-{seed}", None, goals, planner))
    return runs


def write_json(path: Path, content: Any) -> None:
    """Write a file that is never seen half-written."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)
