"""How certain a figure is: its spread over seeds, and what other episodes might have given."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Statistics = dict[str, Any]
CONFIDENCE = 0.95
LEAST_EPISODES = 5  # of fewer, nothing can be said about others
NORMAL = 1.96  # standard errors to both sides, of many episodes


def seed_statistics(values: Sequence[float | None]) -> Statistics | None:
    """`mean`, `low`, `high` and `by_seed`, rounded; None when a seed has no value."""
    if not values or any(value is None for value in values):
        return None
    known = [float(value) for value in values if value is not None]
    return {
        "mean": round(sum(known) / len(known), 4),
        "low": round(min(known), 4),
        "high": round(max(known), 4),
        "by_seed": [round(value, 4) for value in known],
    }


def ratio_interval(parts: np.ndarray, wholes: np.ndarray, episodes: np.ndarray) -> tuple[float, float] | None:
    """Between what the mean over K of sum(parts) / sum(wholes) lies with 95 % confidence, given these episodes.

    parts, wholes: [S, K], errors and those of doing nothing; episodes: [S], of which each counts as one observation. A
    jackknife with Student's t, of the ratio's logarithm, since errors differ by factors. None for fewer than 5
    episodes, or where one of them has all that there is to explain.
    """
    names, of = np.unique(episodes, return_inverse=True)
    count = len(names)
    if count < LEAST_EPISODES:
        return None
    from scipy.stats import t

    sums = [
        np.stack([np.bincount(of, column, count) for column in some.T], axis=1) for some in (parts, wholes)
    ]
    left = [some.sum(axis=0) - some for some in sums]  # without each episode
    if (left[1] <= 0).any():
        return None
    logs = np.log(np.maximum((left[0] / left[1]).mean(axis=1), 1e-12))
    whole = math.log(max((sums[0].sum(axis=0) / sums[1].sum(axis=0)).mean(), 1e-12))
    error = math.sqrt((count - 1) / count * np.square(logs - logs.mean()).sum())
    away = t.ppf((1.0 + CONFIDENCE) / 2.0, count - 1) * error
    return math.exp(whole - away), math.exp(whole + away)


def ratio_statistics(parts: np.ndarray, wholes: np.ndarray, episodes: np.ndarray) -> Statistics:
    """`mean` of the ratio in `ratio_interval`, its `interval`, None where it is not known, and how many `episodes`."""
    totals = parts.sum(axis=0), wholes.sum(axis=0)
    interval = ratio_interval(parts, wholes, episodes)
    return {
        "mean": round(float((totals[0] / totals[1]).mean()), 4),
        "interval": None if interval is None else [round(value, 4) for value in interval],
        "episodes": len(np.unique(episodes)),
    }


def explained_interval(missed: Statistics) -> list[float] | None:
    """The interval of the share that is explained, from that of the share that is missed; None where not known."""
    interval = missed["interval"]
    return None if interval is None else [round(1.0 - value, 4) for value in reversed(interval)]


def r2_statistics(
    true: np.ndarray, predictions: Sequence[np.ndarray], indexes: Sequence[int], episodes: np.ndarray
) -> Statistics | None:
    """Mean R2 of some components of true [S, A], with what other episodes [S] might have given.

    predictions: [S, A] of each seed, whose least and most are `low` and `high`; of a single one the ends of the
    interval are. None where none of the components varies.
    """
    centred = true - true.mean(axis=0)
    indexes = [index for index in indexes if centred[:, index].any()]
    if not indexes:
        return None
    wholes = np.square(centred[:, indexes])
    errors = [np.square(true - found)[:, indexes] for found in predictions]
    share = ratio_statistics(np.mean(errors, axis=0), wholes, episodes)
    interval = explained_interval(share)
    over_episodes = {"interval": interval, "episodes": share["episodes"]}
    if len(predictions) > 1:
        scores = [float((1.0 - some.sum(axis=0) / wholes.sum(axis=0)).mean()) for some in errors]
        return {**(seed_statistics(scores) or {}), **over_episodes}
    low, high = interval or (None, None)
    return {"mean": round(1.0 - share["mean"], 4), "low": low, "high": high, **over_episodes}


def more_episodes(statistics: Mapping[str, Any], half_width: float) -> int:
    """How many more episodes would narrow the interval to this half width: it shrinks with the root of their number."""
    from scipy.stats import t

    low, high = statistics["interval"]
    count = statistics["episodes"]
    deviations = t.ppf((1.0 + CONFIDENCE) / 2.0, count - 1)
    std = (high - low) / 2.0 / deviations * math.sqrt(count)
    return max(0, math.ceil((NORMAL * std / half_width) ** 2) - count)
