"""End-effector poses in and out of geometry_msgs/Pose, by transforms3d; once per message, not per candidate."""

from __future__ import annotations

from typing import Any

import numpy as np


def read_pose(msg: Any, gripper: float) -> np.ndarray:
    """Pose [7] of a geometry_msgs Pose or PoseStamped and a gripper from 0 (open) to 1: x y z in m, extrinsic xyz Euler
    angles in rad, gripper. Raises ValueError for a quaternion that is not of length 1, or a number that is not finite.
    """
    from transforms3d.euler import quat2euler

    pose = getattr(msg, "pose", msg)
    position, turn = pose.position, pose.orientation
    quaternion = np.array([turn.w, turn.x, turn.y, turn.z])
    values = np.array([position.x, position.y, position.z, *quaternion, gripper])
    if not np.isfinite(values).all() or abs(np.linalg.norm(quaternion) - 1.0) > 1e-2:
        raise ValueError(
            f"a pose needs finite numbers and a quaternion of length 1, got position {values[:3].tolist()}, "
            f"quaternion (w x y z) {quaternion.tolist()} and gripper {gripper}"
        )
    if not 0.0 <= gripper <= 1.0:
        raise ValueError(f"the gripper must be from 0 (open) to 1, got {gripper}")
    return np.array([*values[:3], *quat2euler(quaternion, axes="sxyz"), gripper])
