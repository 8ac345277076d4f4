"""What a replay must keep to pass: bounds from a YAML file, and the sentences that say which were missed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import yaml

from wm_ros.evaluation.replay.faults import Fault
from wm_ros.evaluation.replay.safety import Reaction
from wm_ros.resources import share_dir


class ThresholdError(ValueError):
    """A file of thresholds that cannot be used; the message names the entry and the rule."""


@dataclass(frozen=True)
class Thresholds:
    """Bounds; None: not judged. See config/replay_thresholds.yaml for what each means."""

    max_plan_latency_p95_steps: float | None = None
    max_false_stop_pct: float | None = None
    max_time_to_stop_s: float | None = None
    min_held_pct: float | None = None
    max_time_to_resume_s: float | None = None


def load_thresholds(path: Path | None) -> Thresholds:
    """Read a file of bounds; None: config/replay_thresholds.yaml. ThresholdError says what is wrong with it."""
    path = path or share_dir() / "config" / "replay_thresholds.yaml"
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, ValueError) as error:
        raise ThresholdError(f"thresholds {path} cannot be read: {error}") from error
    known = [field.name for field in fields(Thresholds)]
    if not isinstance(data, dict) or not data or not set(data) <= set(known):
        raise ThresholdError(f"{path} must be a mapping of some of {', '.join(known)}; got {data!r}")
    for name, value in data.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.0 <= value < math.inf:
            raise ThresholdError(f"{path}: {name} must be a number of 0 or more, got {value!r}")
    return Thresholds(**data)


def failures(
    limits: Thresholds,
    plan_latency_s: float | None,
    step_s: float,
    false_stop_pct: float | None,
    reactions: Sequence[tuple[Fault, Reaction | None]],
) -> list[str]:
    """A sentence for each bound that was missed; empty when the replay passes.

    plan_latency_s: 95th percentile from the camera's stamp to the plan. step_s: one step of the model.
    """
    found: list[str] = []
    if limits.max_plan_latency_p95_steps is not None:
        limit_s = limits.max_plan_latency_p95_steps * step_s
        if plan_latency_s is None:
            found.append("no plan was made")
        elif plan_latency_s > limit_s:
            found.append(f"camera to plan takes {1e3 * plan_latency_s:.0f} ms (p95) > {1e3 * limit_s:.0f} ms")
    if limits.max_false_stop_pct is not None:
        if false_stop_pct is None:
            found.append("the guard followed no plan")
        elif false_stop_pct > limits.max_false_stop_pct:
            found.append(
                f"stopped {false_stop_pct:.1f} % of the time without a fault > {limits.max_false_stop_pct:g} %"
            )
    for number, (fault, reaction) in enumerate(reactions):
        found += (f"fault {number} ({fault.describe()}): {text}" for text in _missed(limits, reaction))
    return found


def _missed(limits: Thresholds, reaction: Reaction | None) -> Iterable[str]:
    if reaction is None:
        yield "the guard followed no plan when the fault began, so nothing was tested: begin it later"
        return
    if limits.max_time_to_stop_s is not None:
        if reaction.time_to_stop_s is None:
            yield "the robot was not stopped"
            return
        if reaction.time_to_stop_s > limits.max_time_to_stop_s:
            yield f"time to stop {reaction.time_to_stop_s:.2f} s > {limits.max_time_to_stop_s:g} s"
    if limits.min_held_pct is not None and reaction.held_pct < limits.min_held_pct:
        yield f"held for {reaction.held_pct:.0f} % of the rest of the fault < {limits.min_held_pct:g} %"
    if limits.max_time_to_resume_s is not None:
        if reaction.time_to_resume_s is None:
            yield "it did not go on after the fault"
        elif reaction.time_to_resume_s > limits.max_time_to_resume_s:
            yield f"time to resume {reaction.time_to_resume_s:.2f} s > {limits.max_time_to_resume_s:g} s"
