"""Two replays of one bag side by side: the figures that both have, and which is better."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# What must be equal for the figures to say anything about the checkpoints.
CONDITIONS = ("bag", "profile", "rate", "episodes", "thresholds")


class CompareError(ValueError):
    """A folder that holds no replay to compare with; the message says what was expected."""


@dataclass(frozen=True)
class Row:
    """One figure of both. more: whether more is better, None where neither is."""

    name: str
    first: float | None
    second: float | None
    unit: str = ""
    more: bool | None = False

    @property
    def better(self) -> int | None:
        """0 or 1 for the better one; None where they are equal, one is missing or neither is better."""
        if self.first is None or self.second is None or self.more is None or self.first == self.second:
            return None
        return int((self.second > self.first) is self.more)


def read_summary(folder: Path) -> dict[str, Any]:
    """The `replay.json` of an earlier replay; CompareError when there is none."""
    path = folder / "replay.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        rows({}, data)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CompareError(
            f"{path} is no result of `wm_ros replay`: {error or type(error).__name__}"
        ) from error
    return dict(data)


def rows(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Row]:
    """All figures of two summaries, in the order of a replay's own table."""

    def row(name: str, *keys: str, unit: str = "", more: bool | None = False) -> Row:
        return Row(name, _at(first, *keys), _at(second, *keys), unit, more)

    found = [
        row(f"camera stamp to {name}, {percent}", "latency_ms", name, percent, unit="ms")
        for name in second["latency_ms"]
        for percent in ("p50", "p95")
    ]
    found += [
        row("frames encoded", "frames", "encoded", more=True),
        row("stops without a fault", "false_stops", "count"),
        row("time stopped without a fault", "false_stops", "pct_of_time", unit="%"),
        row("commands beyond limits", "commands", "beyond_limits"),
    ]
    for name in second["commands"]["beside_operator"] or {}:
        where = ("commands", "beside_operator", name)
        found += [
            row(f"{name}: guard's commands, rms", *where, "guard_rms", more=None),
            row(f"{name}: apart from the operator, rms", *where, "difference_rms"),
            row(f"{name}: correlation with the operator", *where, "correlation", more=True),
        ]
    faults = first.get("faults") or []
    for number, fault in enumerate(second["faults"]):
        before = faults[number] if number < len(faults) and faults[number]["kind"] == fault["kind"] else None
        first_s, second_s = (_at(one, "reaction", "time_to_stop_s") for one in (before, fault))
        found.append(Row(f"{fault['kind']}: time to stop", first_s, second_s, "s"))
    return found


def differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    """Why two replays are not comparable, for people; nothing where they are."""
    return [
        f"{name} differs: {first.get(name)} and {second.get(name)}"
        for name in CONDITIONS
        if first.get(name) != second.get(name)
    ]


def _at(summary: Any, *keys: str) -> float | None:
    for key in keys:
        summary = (summary or {}).get(key)
    return summary
