"""A robot's measured state in and out of its message: joint states, or the odometry of a base."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from wm_ros.messages.sequence import store
from wm_ros.messages.stamp import fill_stamp
from wm_ros.robots.profile import RobotProfile


def fill_state(
    msg: Any, profile: RobotProfile, positions: np.ndarray, velocities: np.ndarray, stamp_ns: int
) -> Any:
    """Write positions and velocities into a JointState or an Odometry message and return it.

    JointState: positions [P] named as the profile says, its components [A] by default. Odometry: x m, y m, yaw rad in
    frame `odom`, and forward m/s, turn rad/s in frame `base_link`.
    """
    fill_stamp(msg.header.stamp, stamp_ns)
    if not hasattr(msg, "pose"):
        msg.name = list(profile.state_names)
        store(msg, "position", positions)
        store(msg, "velocity", velocities)
        return msg
    msg.header.frame_id, msg.child_frame_id = "odom", "base_link"
    pose, twist = msg.pose.pose, msg.twist.twist
    x, y, yaw = (float(value) for value in positions)
    pose.position.x, pose.position.y = x, y
    pose.orientation.z, pose.orientation.w = math.sin(yaw / 2.0), math.cos(yaw / 2.0)
    twist.linear.x, twist.angular.z = (float(value) for value in velocities)
    return msg


def read_state(msg: Any, profile: RobotProfile) -> np.ndarray:
    """Positions of a JointState ([P], in the profile's order) or an Odometry ([3]: x m, y m, yaw -pi to pi rad)."""
    if not hasattr(msg, "pose"):
        by_name = dict(zip(msg.name, msg.position, strict=True))
        return np.array([by_name[name] for name in profile.state_names])
    position, turn = msg.pose.pose.position, msg.pose.pose.orientation
    yaw = math.atan2(
        2.0 * (turn.w * turn.z + turn.x * turn.y), 1.0 - 2.0 * (turn.y * turn.y + turn.z * turn.z)
    )
    return np.array([position.x, position.y, yaw])


def read_joint_positions(msg: Any, profile: RobotProfile) -> tuple[float, ...] | None:
    """Positions [A] of the joints that the action moves, of a JointState: rad, m, or parts of a gripper's opening.

    None where the message is about other joints; ValueError where it tells only some of ours, or a number that is not
    finite.
    """
    by_name = dict(zip(msg.name, msg.position, strict=False))
    missing = [name for name in profile.names if name not in by_name]
    if len(missing) == len(profile.names):
        return None
    if missing:
        raise ValueError(
            f"it tells no position of {', '.join(missing)} beside those of {', '.join(by_name)}: one message must tell "
            "all that the action moves"
        )
    positions = tuple(
        float(by_name[part.name])
        if part.target is None
        else part.target.from_state(float(by_name[part.name]))
        for part in profile.action
    )
    if not all(map(math.isfinite, positions)):
        raise ValueError(f"positions {positions} are not all finite")
    return positions
