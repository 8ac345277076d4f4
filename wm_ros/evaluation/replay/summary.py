"""The figures of a replay as JSON data, the verdict first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from wm_ros.data.segments import Survey
from wm_ros.evaluation.replay.results import Commands, ReplayResult
from wm_ros.evaluation.replay.thresholds import Thresholds, failures
from wm_ros.robots.profile import RobotProfile
from wm_ros.safety.command_checks import commands_out_of_limits

PERCENTILES = (50, 95, 99)
GRID_NS = 50_000_000
MOST_LATE = 0.5  # camera periods


def summarise(
    result: ReplayResult, survey: Survey, profile: RobotProfile, rate: float, limits: Thresholds
) -> dict[str, Any]:
    """All figures; times in the keys' units, `at_s` into the episode on the replay's clock.

    Judged is a replay in real time only: at another rate machine and bag do not run at the same speed. A replay that
    could not show the frames in time has failed, whatever the nodes made of them.
    """
    reactions = [(fault, one.reaction(fault)) for one in result.playbacks if (fault := one.playback.fault)]
    stops, stopped_s, observed_s = np.sum([one.false_stops() for one in result.playbacks], axis=0)
    false_stop_pct = 100.0 * stopped_s / observed_s if observed_s else None
    plan_ms = result.latencies_ms["plan"]
    plan_s = 1e-3 * float(np.percentile(plan_ms, 95)) if len(plan_ms) else None
    moved = sum(one.trace.moved_while_standing() for one in result.playbacks)
    beyond = commands_out_of_limits(result.commands[1], profile)
    late_ms, period_s = (
        np.percentile(result.late_ms, 99),
        min(one.playback.segment.period_s for one in result.playbacks),
    )
    missed: list[str] = []
    if rate == 1.0 and late_ms > MOST_LATE * 1e3 * period_s:
        missed.append(
            f"the frames were shown up to {late_ms:.0f} ms late (p99): this machine is too busy to play the bag in "
            "real time, and nothing else is judged"
        )
    elif rate == 1.0:
        missed = failures(limits, plan_s, profile.model_dt, false_stop_pct, reactions)
        missed += [f"{moved} commands moved the robot after the guard said it stands"] * bool(moved)
        missed += [f"{beyond} commands beyond the limits of the profile"] * bool(beyond)
    return {
        "verdict": "fail" if missed else "pass" if rate == 1.0 else "not judged",
        "missed": missed,
        "rate": rate,
        "thresholds": asdict(limits),
        "episodes": [one.playback.segment.number for one in result.playbacks],
        "seconds": round(sum(one.playback.duration_s for one in result.playbacks), 3),
        "latency_ms": {name: _percentiles(values) for name, values in result.latencies_ms.items()},
        "budget_ms": 1e3 * profile.model_dt,
        "recorded_age_ms": _percentiles(result.recorded_age_ms),
        "frames": _frames(result),
        "stops": _stops(result),
        "false_stops": {
            "count": int(stops),
            "pct_of_time": _rounded(false_stop_pct),
            "seconds_looked_at": _rounded(observed_s),
        },
        "faults": [
            {**asdict(fault), "reaction": None if reaction is None else _rounded(asdict(reaction))}
            for fault, reaction in reactions
        ],
        "commands": {
            "count": len(result.commands[0]),
            "beyond_limits": beyond,
            "after_standing": moved,
            "beside_operator": _compare_with_operator(result, profile),
        },
        "notes": list(survey.notes),
    }


def held(commands: Commands, times_ns: np.ndarray) -> np.ndarray:
    """The command [T, A] that holds at each time; zero before the first."""
    index = np.searchsorted(commands[0], times_ns, side="right") - 1
    vectors = commands[1][np.maximum(index, 0)]
    return np.where((index >= 0)[:, None], vectors, 0.0)


def _percentiles(values: np.ndarray) -> dict[str, float | int | None]:
    figures = np.percentile(values, PERCENTILES) if len(values) else [None] * len(PERCENTILES)
    named = {f"p{percent}": _rounded(figure) for percent, figure in zip(PERCENTILES, figures, strict=True)}
    return {**named, "samples": len(values)}


def _frames(result: ReplayResult) -> dict[str, Any]:
    received = int(result.pipeline.get("received", 0))
    dropped = {
        key.removeprefix("dropped_"): int(value)
        for key, value in result.pipeline.items()
        if key.startswith("dropped_")
    }
    return {
        "shown": result.frames,
        "encoded": received - sum(dropped.values()),
        "dropped": {"lost_in_transport": max(result.frames - received, 0), **dropped},
        "shown_late_ms": _percentiles(result.late_ms),
    }


def _stops(result: ReplayResult) -> list[dict[str, Any]]:
    found = []
    for one in result.playbacks:
        fault = one.playback.fault
        for stop in one.trace.stops():
            name, _, text = stop.reason.partition(": ")
            stopped = {
                "episode": one.playback.segment.number,
                "at_s": _rounded(stop.at_s),
                "reason": name,
                "text": text,
            }
            found.append({**stopped, "fault": fault.describe()} if fault else stopped)
    return found


def _compare_with_operator(result: ReplayResult, profile: RobotProfile) -> dict[str, dict[str, float]] | None:
    """By component: how much the operator and the guard commanded, how far apart, and whether alike (-1 to 1)."""
    pairs: list[tuple[np.ndarray, np.ndarray]] = []
    for one in result.playbacks:
        ours = result.commands[0][one.commands], result.commands[1][one.commands]
        if one.playback.fault is not None or not len(ours[0]) or not len(one.operator[0]):
            continue
        grid = np.arange(ours[0][0], one.playback.end_ns, GRID_NS)
        pairs.append((held(one.operator, grid), held(ours, grid)))
    if not pairs:
        return None
    operator, guard = (np.concatenate(side) for side in zip(*pairs, strict=True))
    return {
        name: _rounded(
            {
                "operator_rms": _rms(operator[:, column]),
                "guard_rms": _rms(guard[:, column]),
                "difference_rms": _rms(guard[:, column] - operator[:, column]),
                "correlation": _correlation(operator[:, column], guard[:, column]),
            }
        )
        for column, name in enumerate(profile.names)
    }


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _correlation(one: np.ndarray, other: np.ndarray) -> float | None:
    return float(np.corrcoef(one, other)[0, 1]) if one.std() > 0.0 and other.std() > 0.0 else None


def _rounded(value: Any) -> Any:
    """Floats, also in mappings and sequences, to three decimals."""
    if isinstance(value, Mapping):
        return {key: _rounded(entry) for key, entry in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_rounded(entry) for entry in value]
    return round(float(value), 3) if isinstance(value, (float, np.floating)) else value
