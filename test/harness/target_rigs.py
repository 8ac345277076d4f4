"""A guard's robot that takes poses or joint positions: it goes where it is told at once and tells where it is.

It may stop doing either.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped
from guard_rig import Rig
from sensor_msgs.msg import JointState
from transforms3d.euler import euler2quat

from wm_ros.messages.places import commanded_place, displacement
from wm_ros.messages.pose import fill_position_and_quaternion
from wm_ros.messages.stamp import fill_stamp
from wm_ros.robots.profile import RobotProfile, load_profile

PERIOD_S = 0.02


class TargetRig(Rig):
    """`commands` are the velocities between one target and the next, from where the robot was before the first.

    place: where it is, as its messages say. state_stamp_ns: set: the same stamp again and again.
    """

    what = ""  # people call the robot's report
    wanted = np.zeros(0)  # rates that leave every limit some room
    place = np.zeros(0)
    push = np.zeros(0)  # as by hand
    frame = ""

    def __init__(self, ros: Any, profile: RobotProfile):
        super().__init__(ros, profile)
        self.following = self.telling = True
        self.state_stamp_ns: int | None = None
        self._before: np.ndarray | None = None
        state = profile.required_state
        self._states = ros.node.create_publisher(self.message_type, state.topic, 10)
        ros.node.create_timer(PERIOD_S, self._tell)

    def start(self) -> None:
        """~/start, as soon as the guard knows where the robot is."""
        self._before = None
        self.ros.until(lambda: self.call("start").success, "a start")

    def targets(self) -> np.ndarray:
        """Targets [N, P] that came."""
        return np.array([commanded_place(message, self.profile) for message in self.messages])

    def _tell(self) -> None:
        if not self.telling:
            return
        message = self.state_message()
        now_ns = self.ros.node.get_clock().now().nanoseconds
        fill_stamp(message.header.stamp, self.state_stamp_ns or now_ns)
        self._states.publish(message)

    def _read(self, message: Any) -> np.ndarray:
        place = commanded_place(message, self.profile)
        before = self.place if self._before is None else self._before
        velocity = displacement(before, place, self.profile.kind == "pose") * self.profile.command.rate_hz
        self._before = place
        if self.following:
            self.place = place
        return velocity.round(9)  # of differences, rounding is left


class PoseRig(TargetRig):
    """Place [7]: position in m and quaternion, w first."""

    message_type = PoseStamped
    what = "pose"
    wanted = np.array([0.05, -0.05, 0.02, 0.2, 0.0, -0.3])
    place = np.array([0.4, 0.1, 0.3, *euler2quat(3.0, 0.2, -0.4)])
    push = np.array([0.3, 0.3, 0.3, 0.0, 0.0, 0.0, 0.0])
    nonsense = "a pose needs finite numbers"
    frame = "base"

    def __init__(self, ros: Any, profile: RobotProfile | None = None):
        super().__init__(ros, profile or load_profile("franka_pose"))

    def state_message(self) -> PoseStamped:
        message = fill_position_and_quaternion(PoseStamped(), self.place[:3], self.place[3:])
        message.header.frame_id = self.frame
        return message


class JointRig(TargetRig):
    """Place [A]: positions in rad, m, or parts of a gripper's opening."""

    message_type = JointState
    what = "joint state"
    nonsense = "are not all finite"

    def __init__(self, ros: Any, profile: RobotProfile | None = None):
        super().__init__(ros, profile or load_profile("so101_position"))
        ranges = [part.required_target for part in self.profile.action]
        self.place = np.array([0.6 * target.low + 0.4 * target.high for target in ranges])
        self.push = np.array([0.1 * (target.high - target.low) for target in ranges])
        share = np.where([target.is_gripper for target in ranges], 0.15, 0.6)  # a gripper is soon at its end
        self.wanted = share * np.where(np.arange(len(ranges)) % 2, self.profile.low, self.profile.high)

    def state_message(self) -> JointState:
        message = JointState(name=[*self.profile.names, "another_robot_s"])
        parts = zip(self.profile.action, self.place, strict=True)
        message.position = [_as_joint(part.required_target, position) for part, position in parts] + [0.0]
        return message


def _as_joint(target: Any, position: float) -> float:
    """What a joint's state says, in SI; of a gripper the joint's own position."""
    return float(target.to_message(position)) if target.is_gripper else float(position)


def rig_of(ros: Any, profile: RobotProfile) -> Rig:
    """A robot of the profile's kind."""
    return {"velocity": Rig, "position": JointRig, "pose": PoseRig}[profile.kind](ros, profile)
