"""When a goal counts as reached, and how a trial is scored by its distances from the goal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Criterion:
    """When a goal counts as reached: at the end within the radius, and in the mean of the last `hold_s` too.

    Where a heading counts, it must be within `heading_rad` at these times as well. A trial ends early when the robot
    has stayed so near for `settle_s`, longer than it must hold, so that passing by slowly is no success, nor is a
    pause of random actions, which are shorter.
    """

    radius_m: float = 0.04
    heading_rad: float = math.inf
    hold_s: float = 1.0
    settle_s: float = 3.0
    limit_s: float = 12.0

    def within(self, limit_s: float | None) -> Criterion:
        """The same with another time limit; None keeps this one."""
        return self if limit_s is None else replace(self, limit_s=limit_s)

    def near(self, distances_m: np.ndarray, headings_rad: np.ndarray | None) -> np.ndarray:
        """Where on a track [T] the robot is near enough."""
        near = distances_m <= self.radius_m
        return near if headings_rad is None else near & (headings_rad <= self.heading_rad)


def in_words(distance_m: float, heading_rad: float | None) -> str:
    """An error for people, `3.1 cm` or `12.0 cm 4 deg`."""
    turned = "" if heading_rad is None else f" {math.degrees(heading_rad):.0f} deg"
    return f"{100 * distance_m:.1f} cm{turned}"


@dataclass(frozen=True)
class Score:
    """How one trial went. seconds: until the robot was near enough to stay, None without success.

    final_coverage: share of the thing's area in the goal that it covers at the end. Headings and coverage are None
    where they do not count.
    """

    success: bool
    start_distance_m: float
    final_distance_m: float
    held_distance_m: float
    seconds: float | None
    duration_s: float
    final_heading_deg: float | None = None
    held_heading_deg: float | None = None
    final_coverage: float | None = None


@dataclass(frozen=True)
class Trial:
    """One goal: where it was [P], how it looked, the way there, the score and the stop.

    track: stamps [T] ns and positions [T, P]. distances_m, headings_rad: from the goal, [T]; no headings where they do
    not count. stopped_by: why the guard ended the trial early, if it did.
    """

    goal: np.ndarray
    picture: np.ndarray
    track: tuple[np.ndarray, np.ndarray]
    distances_m: np.ndarray
    headings_rad: np.ndarray | None
    score: Score
    stop_to_zero_s: float | None
    stopped_by: str


def score(
    times_s: np.ndarray, distances_m: np.ndarray, criterion: Criterion, headings_rad: np.ndarray | None = None
) -> Score:
    """Judge a trial by its distances and headings [T] from the goal at times [T] since its start."""
    if not len(times_s):
        raise ValueError(
            "a trial without the robot's state cannot be judged: is `joint_states` or `odom` published?"
        )
    last = times_s >= times_s[-1] - criterion.hold_s
    held = distances_m[last].mean()
    turned = None if headings_rad is None else headings_rad[last].mean()
    near = criterion.near(distances_m, headings_rad)
    success = bool(near[-1] and criterion.near(held, turned))
    away = np.flatnonzero(~near)
    entered = times_s[min(away[-1] + 1, len(times_s) - 1)] if len(away) else times_s[0]
    return Score(
        success=success,
        start_distance_m=float(distances_m[0]),
        final_distance_m=float(distances_m[-1]),
        held_distance_m=float(held),
        seconds=float(entered) if success else None,
        duration_s=float(times_s[-1]),
        final_heading_deg=None if headings_rad is None else math.degrees(headings_rad[-1]),
        held_heading_deg=None if turned is None else math.degrees(turned),
    )


def settled(
    times_s: np.ndarray, distances_m: np.ndarray, criterion: Criterion, headings_rad: np.ndarray | None = None
) -> bool:
    """Whether the robot has been near enough without a break for `settle_s`."""
    if not len(times_s) or times_s[-1] - times_s[0] < criterion.settle_s:
        return False
    return bool(criterion.near(distances_m, headings_rad)[times_s >= times_s[-1] - criterion.settle_s].all())


def summarise(scores: Sequence[Score]) -> dict[str, object]:
    """Success rate, median final distance and the single goals, as JSON data; headings where they count."""
    headings = [score.final_heading_deg for score in scores if score.final_heading_deg is not None]
    return {
        "success_rate": float(np.mean([score.success for score in scores])),
        "median_final_distance_m": round(float(np.median([score.final_distance_m for score in scores])), 4),
        **({"median_final_heading_deg": round(float(np.median(headings)), 1)} if headings else {}),
        "goals": [
            {
                key: round(value, 4) if isinstance(value, float) else value
                for key, value in vars(score).items()
                if value is not None or key == "seconds"
            }
            for score in scores
        ],
    }
