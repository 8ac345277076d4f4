"""A guard's robot that takes poses: it goes where it is told at once, tells where it is, and may stop doing either."""

from __future__ import annotations

from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped
from guard_rig import Rig
from transforms3d.euler import euler2quat
from transforms3d.quaternions import qconjugate, qmult, quat2axangle

from wm_ros.messages.pose import fill_position_and_quaternion, read_position_and_quaternion
from wm_ros.messages.stamp import fill_stamp
from wm_ros.robots.profile import RobotProfile, load_profile

PERIOD_S = 0.02


class PoseRig(Rig):
    """`commands` are the velocities between one pose and the next, from where the robot was before the first."""

    def __init__(self, ros: Any, profile: RobotProfile | None = None):
        super().__init__(ros, profile or load_profile("franka_pose"))
        self.position, self.quaternion = np.array([0.4, 0.1, 0.3]), euler2quat(3.0, 0.2, -0.4)
        self.frame = "base"
        self.following = self.telling = True
        self.pose_stamp_ns: int | None = None  # set: the same stamp again and again
        self._before: tuple[np.ndarray, np.ndarray] | None = None
        self._poses = ros.node.create_publisher(PoseStamped, self.profile.state.topic, 10)
        ros.node.create_timer(PERIOD_S, self._tell)

    def start(self) -> None:
        """~/start, as soon as the guard knows where the robot is."""
        self._before = None
        self.ros.until(lambda: self.call("start").success, "a start")

    def targets(self) -> np.ndarray:
        """Poses [N, 7] that came: position and quaternion, w first."""
        return np.array([np.concatenate(read_position_and_quaternion(message)) for message in self.messages])

    def _tell(self) -> None:
        if not self.telling:
            return
        message = fill_position_and_quaternion(PoseStamped(), self.position, self.quaternion)
        message.header.frame_id = self.frame
        now_ns = self.ros.node.get_clock().now().nanoseconds
        fill_stamp(message.header.stamp, self.pose_stamp_ns or now_ns)
        self._poses.publish(message)

    def _read(self, message: PoseStamped) -> np.ndarray:
        pose = read_position_and_quaternion(message)
        velocity = (
            moved(self._before or (self.position, self.quaternion), pose) * self.profile.command.rate_hz
        )
        self._before = pose
        if self.following:
            self.position, self.quaternion = pose
        return velocity.round(9)  # of differences of positions, rounding is left


def moved(before: tuple[np.ndarray, np.ndarray], after: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """What lies between two poses [6]: metres, and the rotation vector about the base's axes."""
    turn = np.zeros(3)
    if not np.array_equal(before[1], after[1]):
        axis, angle = quat2axangle(qmult(after[1], qconjugate(before[1])))
        turn = axis * ((angle + np.pi) % (2 * np.pi) - np.pi)
    return np.concatenate([after[0] - before[0], turn])
