"""The encoders that are compared, what is kept of each, and what has been done already."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wm_ros.bench.bottlenecks.runs import write_json
from wm_ros.training.objectives.kinds import OBJECTIVES

COMMANDS, RANDOM, PIXELS = "commands", "random weights", "pixels"
FAMILIES = (*OBJECTIVES, COMMANDS)
UNTRAINED = (RANDOM, PIXELS)
STEPS = 1500
RESULT, ERRORS = "result.json", "errors.npz"


@dataclass(frozen=True)
class Supervision:
    """Commands from the beginning of training: pairs `apart` model steps apart, in a share of the episodes."""

    apart: int
    share: float

    def __str__(self) -> str:
        return f"k {self.apart}, {100 * self.share:g} %"


@dataclass(frozen=True)
class FamiliesOptions:
    """effort: share of the default steps of training; probe_steps: of each probe; the rest says which rows there are.

    converted: folders of encoders that were trained elsewhere, by their name in the table.
    """

    families: tuple[str, ...] = FAMILIES
    supervisions: tuple[Supervision, ...] = ()
    converted: tuple[tuple[str, Path], ...] = ()
    seeds: int = 3
    effort: float = 1.0
    probe_steps: int = 1500
    jobs: int = 1

    @property
    def steps(self) -> int:
        return max(1, round(self.effort * STEPS))


@dataclass(frozen=True)
class Run:
    """One encoder and seed, in a folder of its own. folder_of: a converted encoder's, which is not trained here."""

    family: str
    supervision: Supervision | None
    seed: int
    folder: Path
    folder_of: Path | None = None

    @property
    def row(self) -> str:
        return self.family if self.supervision is None else f"{self.family} + {self.supervision}"

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def result(self) -> dict[str, Any] | None:
        """What was measured: `figures`, or `failed`, and why; None as long as it is not finished."""
        path = self.folder / RESULT
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None

    @property
    def finished(self) -> bool:
        """Whether there are figures: what failed is tried again."""
        return "figures" in (self.result or {})

    def errors(self) -> dict[str, np.ndarray]:
        """Squared errors [E, P], and `... variance`, of the scored episodes, for each figure."""
        with np.load(self.folder / ERRORS) as file:
            return dict(file)

    def keep(self, figures: dict[str, Any], errors: dict[str, np.ndarray]) -> None:
        """Write what was measured."""
        self.folder.mkdir(parents=True, exist_ok=True)
        np.savez(self.folder / ERRORS, **errors)  # type: ignore[arg-type]
        write_json(self.folder / RESULT, {"row": self.row, "seed": self.seed, "figures": figures})

    def keep_failure(self, reason: str) -> None:
        """Write why there is nothing to measure."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(self.folder / RESULT, {"row": self.row, "seed": self.seed, "failed": reason})


def all_runs(out: Path, options: FamiliesOptions) -> list[Run]:
    """Every row with every seed, seed by seed, so that a comparison which is ended early is one of fewer seeds."""
    runs = []
    for seed in range(options.seeds):
        for family in options.families:
            runs.append(Run(family, None, seed, out / f"{family}-{seed}"))
            if family != COMMANDS:
                for how in options.supervisions:
                    folder = out / f"{family}-k{how.apart}-{how.share:g}-{seed}"
                    runs.append(Run(family, how, seed, folder))
        for family in UNTRAINED:
            runs.append(Run(family, None, seed, out / f"{family.replace(' ', '-')}-{seed}"))
        for name, path in options.converted:
            runs.append(Run(name, None, seed, out / f"converted-{name}-{seed}", path))
    return runs


def parse_supervisions(text: str) -> tuple[Supervision, ...]:
    """From `4:0.05,4:1`, which is model steps and share of the episodes; ValueError says what is wrong."""
    found = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        apart, _, share = part.partition(":")
        try:
            how = Supervision(int(apart), float(share or 1.0))
        except ValueError:
            raise ValueError(f"{part!r} is no supervision: give K:SHARE such as 4:0.05") from None
        if how.apart < 1 or not 0.0 < how.share <= 1.0:
            raise ValueError(f"{part!r}: K must be 1 or more, and SHARE above 0 and at most 1")
        found.append(how)
    return tuple(dict.fromkeys(found))


def parse_families(text: str) -> tuple[str, ...]:
    """The families of a list with commas, in the order of the table; ValueError names the unknown and the known."""
    named = [piece.strip() for piece in text.split(",") if piece.strip()]
    if unknown := [name for name in named if name not in FAMILIES]:
        raise ValueError(f"unknown family {unknown[0]!r}; known: {', '.join(FAMILIES)}")
    return tuple(name for name in FAMILIES if name in named)


def converted_names(folders: Sequence[Path]) -> tuple[tuple[str, Path], ...]:
    """Folders of encoders by the names they have in the table; ValueError where two have one name."""
    names = [folder.resolve().name for folder in folders]
    if len(set(names)) < len(names) or set(names) & {*FAMILIES, *UNTRAINED}:
        raise ValueError(f"encoder folders need names of their own, got {', '.join(names)}")
    return tuple(zip(names, folders, strict=True))
