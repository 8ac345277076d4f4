"""Commanded poses of an end effector: how a velocity moves one, and how far two lie apart."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from transforms3d.quaternions import axangle2quat, qconjugate, qmult

from wm_ros.robots.profile import RobotProfile
from wm_ros.safety.commanded_target import CommandedTarget

# Position [3] in m, quaternion [4], w first.
Pose = tuple[np.ndarray, np.ndarray]


def pose_target(profile: RobotProfile) -> CommandedTarget[Pose]:
    """The commanded pose of a robot that takes poses; ValueError for others."""
    return CommandedTarget(profile, PoseGeometry(profile))


class PoseGeometry:
    """Poses move by velocities [6]: m/s, then rad/s about the base's axes."""

    what = "pose"

    def __init__(self, profile: RobotProfile):
        leash = profile.command.leash
        if leash is None or leash.position_m is None or leash.rotation_rad is None:
            raise ValueError(
                f"profile {profile.name} does not take poses: its command is {profile.command.type}"
            )
        self._position_m, self._rotation_rad = leash.position_m, leash.rotation_rad

    def advanced(self, place: Pose, velocity: Sequence[float], period_s: float) -> Pose:
        """The pose after a period of a velocity."""
        position, quaternion = place
        rates = np.asarray(velocity)
        position = position + rates[:3] * period_s
        turn = rates[3:] * period_s
        turned = float(np.linalg.norm(turn))
        if turned:
            quaternion = qmult(axangle2quat(turn, turned), quaternion)
            quaternion = quaternion / np.linalg.norm(quaternion)
        return position, quaternion

    def following_error(self, target: Pose, measured: Pose) -> str | None:
        """Metres and radians between the two, where the leash is shorter."""
        off_m = float(np.linalg.norm(target[0] - measured[0]))
        off_rad = angle(measured[1], target[1])
        if off_m <= self._position_m and off_rad <= self._rotation_rad:
            return None
        return (
            f"it is {off_m:.3f} m and {off_rad:.2f} rad from its target, command.leash allows {self._position_m} m "
            f"and {self._rotation_rad} rad"
        )

    def bounded(self, velocity: Sequence[float], target: Pose, measured: Pose) -> Sequence[float]:
        """All of it: where poses may be is the robot's own limit."""
        return velocity


def angle(one: np.ndarray, other: np.ndarray) -> float:
    """Radians from 0 to pi by which one unit quaternion [4] is turned against another."""
    between = qmult(other, qconjugate(one))
    return 2.0 * math.atan2(float(np.linalg.norm(between[1:])), abs(float(between[0])))
