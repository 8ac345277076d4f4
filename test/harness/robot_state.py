"""A robot that tells where its end effector is and how far its gripper is closed."""

from __future__ import annotations

from geometry_msgs.msg import PoseStamped
from ros_harness import Ros
from sensor_msgs.msg import JointState

from wm_ros.messages.stamp import fill_stamp
from wm_ros.robots.profile import RobotProfile


def pose_message(stamp_ns: int, x: float = 0.4, w: float = 1.0) -> PoseStamped:
    message = PoseStamped()
    fill_stamp(message.header.stamp, stamp_ns)
    message.header.frame_id = "base"
    message.pose.position.x, message.pose.position.z = x, 0.3
    message.pose.orientation.w = w
    return message


class RobotState:
    """Publishes poses, and the gripper where the profile has one, as a driver does."""

    def __init__(self, ros: Ros, profile: RobotProfile):
        self._profile = profile
        self._poses = ros.node.create_publisher(PoseStamped, profile.state.topic, 10)
        self._grippers = profile.gripper and ros.node.create_publisher(JointState, profile.gripper.topic, 10)

    def send(self, stamp_ns: int, width: float = 0.02, **pose: float) -> None:
        self._poses.publish(pose_message(stamp_ns, **pose))
        if self._grippers:
            self.send_gripper(stamp_ns, width)

    def send_gripper(self, stamp_ns: int, width: float, joint: str = "") -> None:
        message = JointState(name=[joint or self._profile.gripper.joint], position=[width])
        fill_stamp(message.header.stamp, stamp_ns)
        self._grippers.publish(message)
