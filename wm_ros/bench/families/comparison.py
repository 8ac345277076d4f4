"""Whether one encoder knows more than another: the difference of their R2, and how sure it is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from wm_ros.bench.families.probes import Errors, r2
from wm_ros.evaluation.studies.statistics import CONFIDENCE

RESAMPLED = 1000
Interval = tuple[float, float]


@dataclass(frozen=True)
class Comparison:
    """By how much `more` explains more than `less`; 95 % confidence intervals over seeds (paired, Student's t) and over
    scored episodes (paired bootstrap), None where there are too few."""

    more: str
    less: str
    what: str
    difference: float
    by_seed: tuple[float, ...]
    over_seeds: Interval | None
    over_episodes: Interval | None

    @property
    def settled(self) -> bool:
        """Whether both intervals leave 0 out, to the same side."""
        both = [one for one in (self.over_seeds, self.over_episodes) if one is not None]
        return len(both) == 2 and (all(low > 0 for low, _ in both) or all(high < 0 for _, high in both))

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "settled": self.settled, "text": str(self)}

    def __str__(self) -> str:
        verdict = "settled" if self.settled else "open"
        seeds = f"over {len(self.by_seed)} seeds {_text(self.over_seeds)}"
        return (
            f"{self.what}: {self.more} - {self.less} = {self.difference:+.3f} ({seeds}; over episodes "
            f"{_text(self.over_episodes)}): {verdict}"
        )


def compare(
    more: str,
    less: str,
    what: str,
    first: Mapping[int, Errors],
    second: Mapping[int, Errors],
    names: Sequence[str],
) -> Comparison | None:
    """The difference of the mean R2 of some figures, of the seeds that both have; None where there is none.

    first, second: by seed, squared errors and variances of the scored episodes.
    """
    seeds = sorted(set(first) & set(second))
    if not seeds or not all(
        name in errors[seed] for errors in (first, second) for seed in seeds for name in names
    ):
        return None
    count = len(next(iter(first[seeds[0]].values())))

    def differences(episodes: np.ndarray) -> np.ndarray:
        """[seeds], on these episodes."""
        return np.array(
            [
                _mean_r2(first[seed], names, episodes) - _mean_r2(second[seed], names, episodes)
                for seed in seeds
            ]
        )

    by_seed = differences(np.arange(count))
    choose = np.random.default_rng(0)
    over_episodes = None
    if count >= 5:
        drawn = [differences(choose.integers(0, count, count)).mean() for _ in range(RESAMPLED)]
        low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
        over_episodes = (round(float(low), 4), round(float(high), 4))
    return Comparison(
        more,
        less,
        what,
        round(float(by_seed.mean()), 4),
        tuple(round(float(value), 4) for value in by_seed),
        seeds_interval(by_seed),
        over_episodes,
    )


def seeds_interval(values: np.ndarray) -> Interval | None:
    """Between what their mean lies with 95 % confidence, by Student's t; None of one value."""
    if len(values) < 2:
        return None
    from scipy.stats import t

    away = t.ppf((1 + CONFIDENCE) / 2, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values))
    return round(float(values.mean() - away), 4), round(float(values.mean() + away), 4)


def _mean_r2(errors: Errors, names: Sequence[str], episodes: np.ndarray) -> float:
    return float(
        np.mean([r2(errors[name][episodes], errors[f"{name} variance"][episodes]) for name in names])
    )


def _text(interval: Interval | None) -> str:
    return "not known" if interval is None else f"{interval[0]:+.3f} .. {interval[1]:+.3f}"
