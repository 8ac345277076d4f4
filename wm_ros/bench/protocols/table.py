"""The table of a protocol: each figure with its certainty, as data and for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from wm_ros.evaluation.studies.statistics import Statistics, ratio_statistics


def row(errors: Sequence[Mapping[str, np.ndarray]], episodes: np.ndarray) -> dict[str, Statistics]:
    """Each figure's mean over starts, between what other episodes would put it with 95 % confidence, and by seed.

    errors: of each seed, figures [C]; episodes [C]: of which each counts as one observation.
    """
    found = {}
    for name in errors[0]:
        values = np.stack([of_seed[name] for of_seed in errors])  # [S, C]
        mean = values.mean(axis=0)[:, None]
        by_seed = [round(float(value), 4) for value in values.mean(axis=1)]
        found[name] = ratio_statistics(mean, np.ones_like(mean), episodes) | {"by_seed": by_seed}
    return found


def shown(table: Mapping[str, Any]) -> dict[str, dict[str, object]]:
    """The rows for people: this run's with their 95 % intervals, then the published ones."""
    own: dict[str, dict[str, object]] = {
        name: {figure: _cell(entry) for figure, entry in figures.items()}
        for name, figures in table["rows"].items()
    }
    published: dict[str, dict[str, object]] = {
        f"published: {name}": {figure: f"{value:.3g}" for figure, value in figures.items()}
        for name, figures in table["published"].items()
    }
    return own | published


def _cell(entry: Mapping[str, Any]) -> str:
    if entry["interval"] is None:
        return f"{entry['mean']:.3f}"
    low, high = entry["interval"]
    return f"{entry['mean']:.3f} ({low:.3f} .. {high:.3f})"
