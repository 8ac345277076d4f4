"""What a component's number in a message means where that is a place to go to, not a rate: units and range."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wm_ros.robots.yaml_fields import (
    ProfileError,
    reject_unknown,
    require_finite,
    require_mapping,
    require_positive,
    require_text,
)

# Units of joint positions, and what one of them is in SI.
JOINT_UNITS = {"rad": 1.0, "deg": math.pi / 180.0, "m": 1.0, "mm": 1e-3}
# How LeRobot counts between the ends of a joint's range: (at the lower end, at the upper).
RANGE_UNITS = {"0..100": (0.0, 100.0), "-100..100": (-100.0, 100.0)}
# From a unit of a rate to the one of a position.
RATE_OF = {"rad/s": "rad", "m/s": "m"}


@dataclass(frozen=True)
class Target:
    """The range of a joint's position, or of a gripper's opening, and how messages and LeRobot sets count in it.

    min, max: the range of a joint in `unit`, which messages count in; targets never leave it. closed, open: of a
    gripper in their place, the positions of its joint at both ends; its own positions run from 0 (closed) to 1 (open).
    leash: as far as a target may be from the measured position, in rad, m, or parts of the opening. lerobot_unit: what
    LeRobot sets of this robot count in, by default as messages do.
    """

    leash: float
    unit: str = "rad"
    min: float | None = None
    max: float | None = None
    closed: float | None = None
    open: float | None = None
    lerobot_unit: str = ""

    @property
    def is_gripper(self) -> bool:
        return self.open is not None

    @property
    def low(self) -> float:
        """The least position: rad, m, or 0."""
        return 0.0 if self.min is None else self.min * JOINT_UNITS[self.unit]

    @property
    def high(self) -> float:
        """The greatest position: rad, m, or 1."""
        return 1.0 if self.max is None else self.max * JOINT_UNITS[self.unit]

    def from_message(self, value: float) -> float:
        """Position in rad, m or parts of the opening of a number in a message."""
        return self._from(self.unit, value)

    def to_message(self, position: float) -> float:
        """The number in a message for a position in rad, m or parts of the opening."""
        if self.open is not None and self.closed is not None:
            return self.closed + position * (self.open - self.closed)
        return position / JOINT_UNITS[self.unit]

    def from_state(self, value: float) -> float:
        """Position in rad, m or parts of the opening of a joint's state, which is SI (REP-103)."""
        return self._opening(value / JOINT_UNITS[self.unit]) if self.is_gripper else value

    @property
    def in_lerobot(self) -> str:
        """What LeRobot sets count in."""
        return self.lerobot_unit or self.unit

    def from_lerobot(self, value: float) -> float:
        """Position in rad, m or parts of the opening of a number in a LeRobot set."""
        return self._from(self.in_lerobot, value)

    def to_lerobot(self, position: float) -> float:
        """The number in a LeRobot set for a position in rad, m or parts of the opening."""
        if self.in_lerobot in RANGE_UNITS:
            least, most = RANGE_UNITS[self.in_lerobot]
            return least + (position - self.low) / (self.high - self.low) * (most - least)
        if self.is_gripper:
            return self.to_message(position) * JOINT_UNITS[self.unit] / JOINT_UNITS[self.in_lerobot]
        return position / JOINT_UNITS[self.in_lerobot]

    def width_in(self, unit: str) -> float:
        """How wide the range is, counted in a unit of messages or LeRobot sets."""
        if unit in RANGE_UNITS:
            least, most = RANGE_UNITS[unit]
            return most - least
        if self.open is not None and self.closed is not None:
            return abs(self.open - self.closed) * JOINT_UNITS[self.unit] / JOINT_UNITS[unit]
        return (self.high - self.low) / JOINT_UNITS[unit]

    def _from(self, unit: str, value: float) -> float:
        if unit in RANGE_UNITS:
            least, most = RANGE_UNITS[unit]
            return self.low + (value - least) / (most - least) * (self.high - self.low)
        if self.is_gripper:
            return self._opening(value * JOINT_UNITS[unit] / JOINT_UNITS[self.unit])
        return value * JOINT_UNITS[unit]

    def _opening(self, value: float) -> float:
        if self.open is None or self.closed is None:
            raise ValueError("only a gripper opens")
        return (value - self.closed) / (self.open - self.closed)


def read_target(data: Any, path: str, kind: str, rate_unit: str) -> Target:
    """The entry `target` of a component of this kind (position, gripper), whose action is a rate of this unit."""
    data = require_mapping(data, path)
    ends = ("closed", "open") if kind == "gripper" else ("min", "max")
    reject_unknown(data, {"leash", "unit", "lerobot_unit", *ends}, path)
    first, last = (require_finite(data.get(end), f"{path}.{end}") for end in ends)
    if first == last or (kind == "position" and first > last):
        rule = "must differ" if kind == "gripper" else "must satisfy min < max"
        raise ProfileError(f"{path}: {ends[0]} and {ends[1]} {rule}, got {first} and {last}")
    default = RATE_OF.get(rate_unit, "rad")
    unit = _unit(data, "unit", path, tuple(JOINT_UNITS)) or default
    lerobot_unit = _unit(data, "lerobot_unit", path, (*JOINT_UNITS, *RANGE_UNITS))
    if kind == "position":
        for name, found in (("unit", unit), ("lerobot_unit", lerobot_unit)):
            _require_fit(found, rate_unit, f"{path}.{name}")
    leash = require_positive(data.get("leash"), f"{path}.leash")
    given = dict(zip(ends, (first, last), strict=True))
    return Target(leash=leash, unit=unit, lerobot_unit=lerobot_unit, **given)


def _unit(data: Mapping[str, Any], name: str, path: str, known: tuple[str, ...]) -> str:
    if name not in data:
        return ""
    unit = require_text(data[name], f"{path}.{name}")
    if unit not in known:
        raise ProfileError(f"{path}.{name} must be one of {', '.join(known)}, got {unit!r}")
    return unit


def _require_fit(unit: str, rate_unit: str, path: str) -> None:
    """Raise ProfileError where a length is given for what turns, or an angle for what slides."""
    slides = unit in ("m", "mm")
    if unit in JOINT_UNITS and slides != (rate_unit == "m/s"):
        raise ProfileError(f"{path} {unit!r} does not fit an action in {rate_unit}")
