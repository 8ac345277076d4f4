"""Action vectors and joint targets in and out of a robot's command message, by the field path of each component."""

from __future__ import annotations

import math
import re
from array import array as pyarray
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from wm_ros.messages.stamp import fill_stamp
from wm_ros.robots.profile import RobotProfile

_STEP = re.compile(r"([a-z][a-z0-9_]*)(?:\[(\d{1,3})\])?")
_Path = tuple[tuple[str, int | None], ...]


class CommandError(ValueError):
    """A command message that does not fit the profile; the message names the component and its field."""


def fill_command(msg: Any, vector: Sequence[float] | np.ndarray, profile: RobotProfile, stamp_ns: int) -> Any:
    """Write an action vector [A] (SI units) into a command message and return it.

    Number sequences grow to the size the fields need; sequences of messages (`points` of a JointTrajectory)
    must have their elements. A header gets the stamp, a list of joint names the profile's names. Raises
    CommandError for values that are not finite: nothing of the vector may then be sent.
    """
    return _fill(msg, vector, profile, stamp_ns)


def fill_targets(
    msg: Any, targets: Sequence[float] | np.ndarray, profile: RobotProfile, stamp_ns: int
) -> Any:
    """As `fill_command`, of joint targets [A] in rad, m or parts of a gripper's opening, counted as messages do."""
    counted = [
        part.required_target.to_message(value) for part, value in zip(profile.action, targets, strict=True)
    ]
    return _fill(msg, counted, profile, stamp_ns)


def read_targets(msg: Any, profile: RobotProfile) -> np.ndarray:
    """Joint targets [A] of a command message, in rad, m or parts of a gripper's opening; errors as `read_command`."""
    return as_targets(read_counted(msg, profile), profile)


def as_targets(counted: np.ndarray, profile: RobotProfile) -> np.ndarray:
    """Joint targets [A] in rad, m or parts of a gripper's opening, of numbers [A] as messages count them."""
    parts = zip(profile.action, counted, strict=True)
    return np.array([part.required_target.from_message(value) for part, value in parts])


def _fill(msg: Any, vector: Sequence[float] | np.ndarray, profile: RobotProfile, stamp_ns: int) -> Any:
    try:
        values = [_require_number(value) for value in vector]
    except TypeError:
        values = []
    if len(values) != len(profile.action) or not all(map(math.isfinite, values)):
        raise CommandError(f"a command takes {len(profile.action)} finite numbers, got {vector}")
    for component, value in zip(profile.action, values, strict=True):
        path = _parse(component.field)
        try:
            parent = _walk(msg, path[:-1])
            name, index = path[-1]
            if index is None:
                _require_number(getattr(parent, name))
                setattr(parent, name, value)
            else:
                _grown(parent, name, index + 1)[index] = value
        except (AttributeError, IndexError, TypeError) as error:
            raise CommandError(_no_field(component, msg, error)) from error
    if hasattr(msg, "header"):
        fill_stamp(msg.header.stamp, stamp_ns)
    for names in ("joint_names", "name"):
        if isinstance(getattr(msg, names, None), list):
            setattr(msg, names, list(profile.names))
    return msg


def read_command(msg: Any, profile: RobotProfile) -> np.ndarray:
    """Action vector [A] (float64, SI units) of a command message; CommandError if absent or not finite."""
    if profile.kind != "velocity":
        raise CommandError(
            f"the commands of {profile.name} are {profile.kind}s: the rates behind them are not in one message"
        )
    return read_counted(msg, profile)


def read_counted(msg: Any, profile: RobotProfile) -> np.ndarray:
    """The numbers [A] of a command message as they are in it; CommandError if absent or not finite."""
    values = np.empty(len(profile.action))
    for position, component in enumerate(profile.action):
        path = _parse(component.field)
        try:
            values[position] = _require_number(_walk(msg, path))
        except (AttributeError, IndexError, TypeError) as error:
            raise CommandError(_no_field(component, msg, error)) from error
    if not np.isfinite(values).all():
        raise CommandError(f"command has NaN or infinite values: {values.tolist()}")
    return values


def check_command(msg: Any, profile: RobotProfile) -> None:
    """CommandError unless every component has its own number in this kind of message; alters the message."""
    values = np.arange(len(profile.action)) + 0.5
    if not np.array_equal(read_counted(_fill(msg, values, profile, 0), profile), values):
        fields = [component.field for component in profile.action]
        raise CommandError(f"fields of the components must differ and hold fractions, got {fields}")


@lru_cache(maxsize=1024)
def _parse(field: str) -> _Path:
    path = []
    for part in field.split("."):
        step = _STEP.fullmatch(part)
        if step is None:
            raise CommandError(
                f"field {field!r} is no path like data[0], twist.linear.x or points[0].velocities[1]"
            )
        path.append((step[1], None if step[2] is None else int(step[2])))
    return tuple(path)


def _walk(msg: Any, path: _Path) -> Any:
    for name, index in path:
        msg = getattr(msg, name)
        if index is not None:
            msg = msg[index]
    return msg


def _grown(parent: Any, name: str, size: int) -> Any:
    sequence = getattr(parent, name)
    missing = size - len(sequence)
    if missing > 0:
        if isinstance(sequence, np.ndarray):
            setattr(parent, name, np.concatenate([sequence, np.zeros(missing, sequence.dtype)]))
        elif isinstance(sequence, pyarray):
            sequence.extend([0] * missing)
        else:
            raise IndexError(f"{name} has {len(sequence)} elements, needs {size}")
    return getattr(parent, name)


def _require_number(value: Any) -> float:
    if isinstance(value, (bool, str)) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"it holds a {type(value).__name__}, not a number")
    return float(value)


def _no_field(component: Any, msg: Any, error: Exception) -> str:
    kind = type(msg).__name__
    return f"component {component.name}: message {kind} has no number at field {component.field!r} ({error})"
