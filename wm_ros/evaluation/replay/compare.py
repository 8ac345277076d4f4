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
    found = []
    for name in second["latency_ms"]:
        for percent in ("p50", "p95"):
            where = ("latency_ms", name, percent)
            found.append(
                Row(f"camera stamp to {name}, {percent}", _at(first, *where), _at(second, *where), "ms")
            )
    found.append(
        Row("frames encoded", _at(first, "frames", "encoded"), _at(second, "frames", "encoded"), more=True)
    )
    for name, where in (
        ("stops without a fault", ("false_stops", "count")),
        ("time stopped without a fault", ("false_stops", "pct_of_time")),
        ("commands beyond limits", ("commands", "beyond_limits")),
    ):
        unit = "%" if where[-1] == "pct_of_time" else ""
        found.append(Row(name, _at(first, *where), _at(second, *where), unit))
    for name in second["commands"]["beside_operator"] or {}:
        for key, label, more in (
            ("guard_rms", "guard's commands, rms", None),
            ("difference_rms", "apart from the operator, rms", False),
            ("correlation", "correlation with the operator", True),
        ):
            where = ("commands", "beside_operator", name, key)
            found.append(Row(f"{name}: {label}", _at(first, *where), _at(second, *where), more=more))
    for number, fault in enumerate(second["faults"]):
        before = (first.get("faults") or [])[number : number + 1]
        same = bool(before) and before[0]["kind"] == fault["kind"]
        stop = [
            None if one is None else _at(one, "reaction", "time_to_stop_s")
            for one in (before[0] if same else None, fault)
        ]
        found.append(Row(f"{fault['kind']}: time to stop", *stop, "s"))
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
