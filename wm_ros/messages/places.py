"""Where a robot is or is told to be, out of its messages, and what lies between two such places."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from transforms3d.quaternions import qconjugate, qmult

from wm_ros.messages.command import CommandError, read_command, read_targets
from wm_ros.messages.pose import read_position_and_quaternion
from wm_ros.messages.state import read_joint_positions
from wm_ros.robots.consistency import POSE_TYPE
from wm_ros.robots.profile import RobotProfile


def commanded_place(msg: Any, profile: RobotProfile) -> np.ndarray:
    """The target of a command message: joint positions [A] in rad, m or parts of an opening, or a pose [7].

    A pose is a position in m and a quaternion, w first. CommandError where the message does not hold it.
    """
    if profile.kind != "pose":
        return read_targets(msg, profile)
    try:
        return np.concatenate(read_position_and_quaternion(msg))
    except ValueError as error:
        raise CommandError(str(error)) from error


def measured_place(msg: Any, profile: RobotProfile) -> np.ndarray | None:
    """The place that a message of the profile's state topic tells, as `commanded_place`; None: of other joints only."""
    try:
        if profile.required_state.type == POSE_TYPE:
            return np.concatenate(read_position_and_quaternion(msg))
        positions = read_joint_positions(msg, profile)
    except ValueError as error:
        raise CommandError(str(error)) from error
    return None if positions is None else np.array(positions)


def displacement(before: np.ndarray, after: np.ndarray, is_pose: bool) -> np.ndarray:
    """What lies between two places: [A] for joints; for poses [6], m and the rotation vector about the base's axes."""
    if not is_pose:
        way: np.ndarray = after - before
        return way
    between = qmult(after[3:], qconjugate(before[3:]))
    if between[0] < 0.0:  # the shorter way round
        between = -between
    sine = float(np.linalg.norm(between[1:]))
    turn = between[1:] * (2.0 * np.arctan2(sine, between[0]) / sine) if sine else np.zeros(3)
    return np.concatenate([after[:3] - before[:3], turn])


class CommandRates:
    """The rates [A] behind a robot's command messages, in the order it gets them.

    Of targets they are the difference to the target before, over one period of the command rate, as the guard makes
    them. The first one, and one after a pause in which the robot stopped itself, begins where the robot is measured to
    be; without `measured`, which tells that, its rate is taken for zero.
    """

    def __init__(
        self, profile: RobotProfile, measured: Callable[[], np.ndarray | None] = lambda: None
    ) -> None:
        self._profile, self._measured = profile, measured
        self._before: np.ndarray | None = None
        self._at_ns = 0

    def __call__(self, msg: Any, at_ns: int, periods: int = 1) -> np.ndarray:
        """Rates [A] of a message that came at `at_ns`, so many periods after the one before; CommandError as ever."""
        profile = self._profile
        if profile.kind == "velocity":
            return read_command(msg, profile)
        place = commanded_place(msg, profile)
        before, self._before = self._before, place
        passed_s, self._at_ns = (at_ns - self._at_ns) * 1e-9, at_ns
        if before is None or passed_s > profile.command.timeout_s:
            before, periods = self._measured(), 1
        if before is None:
            return np.zeros(len(profile.action))
        moved = displacement(before, place, profile.kind == "pose")
        # Of differences, rounding is left.
        rates: np.ndarray = (moved * profile.command.rate_hz / max(periods, 1)).round(9)
        return rates
