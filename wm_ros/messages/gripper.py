"""How far a gripper is closed, from the sensor_msgs/JointState of its driver."""

from __future__ import annotations

from typing import Any

from wm_ros.robots.components import Gripper


def read_gripper(msg: Any, gripper: Gripper) -> float:
    """From 0 (open) to 1 (closed); ValueError when the joint of the profile is not in the message, or not a number."""
    names = list(msg.name)
    if gripper.joint not in names or len(msg.position) != len(names):
        raise ValueError(
            f"the gripper's joint {gripper.joint!r} has no position among the joints {names} on {gripper.topic}: mend "
            "gripper.joint in the profile"
        )
    position = float(msg.position[names.index(gripper.joint)])
    closed = (position - gripper.open) / (gripper.closed - gripper.open)
    if not -1.0 <= closed <= 2.0:  # NaN too; a finger may stand a little beyond its ends
        raise ValueError(
            f"the gripper's joint {gripper.joint} is at {position}, far beyond gripper.open {gripper.open} and "
            f"gripper.closed {gripper.closed} of the profile"
        )
    return min(max(closed, 0.0), 1.0)
