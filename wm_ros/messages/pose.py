"""End-effector poses in and out of geometry_msgs/Pose, by transforms3d; once per message, not per candidate."""

from __future__ import annotations

from typing import Any

import numpy as np
from transforms3d.euler import quat2euler


def read_position_and_quaternion(msg: Any) -> tuple[np.ndarray, np.ndarray]:
    """Position [3] in m and unit quaternion [4], w first, of a geometry_msgs Pose or PoseStamped.

    Raises ValueError for a quaternion that is not of length 1, or a number that is not finite.
    """
    pose = getattr(msg, "pose", msg)
    place, turn = pose.position, pose.orientation
    position = np.array([place.x, place.y, place.z])
    quaternion = np.array([turn.w, turn.x, turn.y, turn.z])
    length = np.linalg.norm(quaternion)
    if not np.isfinite([*position, length]).all() or abs(length - 1.0) > 1e-2:
        raise ValueError(
            f"a pose needs finite numbers and a quaternion of length 1, got position {position.tolist()} and "
            f"quaternion (w x y z) {quaternion.tolist()}"
        )
    return position, quaternion / length


def fill_position_and_quaternion(msg: Any, position: np.ndarray, quaternion: np.ndarray) -> Any:
    """Write a position [3] and a quaternion [4], w first, into a geometry_msgs Pose or PoseStamped and return it."""
    pose = getattr(msg, "pose", msg)
    pose.position.x, pose.position.y, pose.position.z = position.tolist()
    turn = pose.orientation
    turn.w, turn.x, turn.y, turn.z = quaternion.tolist()
    return msg


def read_pose(msg: Any, gripper: float) -> np.ndarray:
    """Pose [7] of a geometry_msgs Pose or PoseStamped and a gripper from 0 (open) to 1: x y z in m, extrinsic xyz Euler
    angles in rad, gripper. ValueError as of `read_position_and_quaternion`, and for a gripper out of its range.
    """
    return euler_pose(np.concatenate(read_position_and_quaternion(msg)), gripper)


def euler_pose(place: np.ndarray, gripper: float) -> np.ndarray:
    """The same of a place [7], position in m and unit quaternion, w first."""
    if not 0.0 <= gripper <= 1.0:
        raise ValueError(f"the gripper must be from 0 (open) to 1, got {gripper}")
    return np.array([*place[:3], *quat2euler(place[3:], axes="sxyz"), gripper])
