"""What a node's diagnostics say, in one line for an operator."""

from __future__ import annotations

from collections.abc import Mapping

COLOURS = {"OK": "green", "WARN": "yellow", "ERROR": "red"}


def status_line(name: str, status: Mapping[str, str]) -> str:
    """State, message, age and latency against their limits, rates and losses, as far as the node reports them."""
    parts = [f"{name}: {status.get('guard') or status.get('state', '?')}", status.get("message", "")]
    if status.get("observation_age_s"):
        parts.append(f"picture {status['observation_age_s']} of {status['max_observation_age_s']} s old")
    if "camera_to_plan_ms_p95" in status:
        parts.append(
            f"camera to plan {status['camera_to_plan_ms_p95']} of {status['latency_budget_ms']} ms (p95)"
        )
    for figure, label in (("input_hz", "frames"), ("plans_hz", "plans"), ("commands_hz", "commands")):
        if figure in status:
            parts.append(f"{label} {status[figure]} Hz")
    dropped = {
        key.removeprefix("dropped_"): count for key, count in status.items() if key.startswith("dropped_")
    }
    if dropped:
        parts.append("dropped " + ", ".join(f"{count} {reason}" for reason, count in dropped.items()))
    if "goal_distance" in status:
        parts.append(f"goal at {status['goal_distance']}")
    return " | ".join(part for part in parts if part)
