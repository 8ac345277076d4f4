"""Whether commands that a robot got keep the limits of its profile, and how soon a stop made them zero."""

from __future__ import annotations

import numpy as np

from wm_ros.robots.profile import RobotProfile

# Commands are doubles on the wire; this is for the rounding of sums only.
ROUNDING = 1e-9


def commands_out_of_limits(commands: np.ndarray, profile: RobotProfile) -> int:
    """How many of the commands [K, A], in the order the robot got them, break a limit of its profile."""
    return int(out_of_limits(commands, profile).sum())


def out_of_limits(commands: np.ndarray, profile: RobotProfile) -> np.ndarray:
    """Which [K] of the commands [K, A], in the order the robot got them, break a limit of its profile.

    The velocity itself, or its change since the command before against max_acceleration over one period of
    the command rate. The robot is at rest before the first.
    """
    commands = np.asarray(commands, dtype=np.float64).reshape(-1, len(profile.action))
    change = np.abs(np.diff(commands, axis=0, prepend=np.zeros((1, commands.shape[1]))))
    most = profile.max_acceleration / profile.command.rate_hz
    broken = (commands < profile.low - ROUNDING) | (commands > profile.high + ROUNDING)
    broken |= (change > most + ROUNDING) | ~np.isfinite(commands)
    return np.asarray(broken.any(axis=1))


def seconds_to_zero(stop_ns: int, times_ns: np.ndarray, commands: np.ndarray) -> float | None:
    """Seconds from a call to stop to the first zero command after which all are zero; None without one."""
    after = times_ns >= stop_ns
    times_ns, moving = times_ns[after], commands[after].any(axis=1)
    first = int(np.flatnonzero(moving)[-1]) + 1 if moving.any() else 0
    return (int(times_ns[first]) - stop_ns) * 1e-9 if first < len(times_ns) else None
