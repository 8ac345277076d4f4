"""The pose of the end effector at a frame, which models conditioned on the robot's actions need."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np
from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import JointState

from wm_ros.messages.gripper import read_gripper
from wm_ros.messages.pose import read_pose
from wm_ros.messages.stamp import to_ns
from wm_ros.robots.consistency import POSE_TYPE
from wm_ros.ros.qos import STREAM
from wm_ros.ros.stream import Stream

if TYPE_CHECKING:
    from wm_ros.nodes.model_node import ModelNode

# As far as a measurement may be from its frame in time, in model steps.
TOLERANCE = 0.25
# Frames are planned from at most so long after they were taken.
HISTORY_NS = 3_000_000_000


class PoseError(ValueError):
    """It is not known where the end effector was; the message names what is missing and the fix."""


class EndEffector:
    """Listens to the profile's `state` topic and, where it has one, `gripper`; without, `planner.gripper` counts.

    ValueError when the profile says of neither where it is to be found.
    """

    def __init__(self, node: ModelNode):
        profile = node.profile
        if profile.state is None or profile.state.type != POSE_TYPE:
            raise ValueError(
                f"this model needs the pose of the end effector, and profile {profile.name} has no topic for it: add "
                f"`state: {{topic: ..., type: {POSE_TYPE}}}`"
            )
        if "gripper" in profile.names and profile.gripper is None:
            raise ValueError(
                f"profile {profile.name} moves the gripper but does not say where its state comes from: add "
                "`gripper: {topic: ..., joint: ..., open: ..., closed: ...}`"
            )
        self._node = node
        self._poses: RecentMessages | None = None
        self._grippers: RecentMessages | None = None

    def open(self) -> None:
        profile = self._node.profile
        self._poses = RecentMessages(self._node, PoseStamped, profile.required_state.topic, "pose")
        if profile.gripper is not None:
            self._grippers = RecentMessages(self._node, JointState, profile.gripper.topic, "gripper")

    def close(self) -> None:
        for source in self._sources():
            source.stream.close()
        self._poses = self._grippers = None

    def check(self) -> None:
        """Raise and clear the faults of the topics."""
        for source in self._sources():
            source.stream.check()

    def pose(self, stamp_ns: int) -> tuple[np.ndarray, int]:
        """Pose [7] at the frame with this stamp, and the stamp of the oldest measurement in it.

        PoseError without measurements of that time. Worker thread.
        """
        poses, grippers, profile = self._poses, self._grippers, self._node.profile
        if poses is None:
            raise PoseError("the node is leaving its active state")
        try:
            oldest_ns, message = poses.nearest(stamp_ns)
            gripper = self._node.value("planner.gripper")
            if grippers is not None and profile.gripper is not None:
                measured_ns, state = grippers.nearest(stamp_ns)
                gripper = read_gripper(state, profile.gripper)
                oldest_ns = min(oldest_ns, measured_ns)
            return read_pose(message, gripper), oldest_ns
        except ValueError as error:
            raise PoseError(str(error)) from error

    def _sources(self) -> list[RecentMessages]:
        return [source for source in (self._poses, self._grippers) if source is not None]


class RecentMessages:
    """The messages of the last seconds on a topic of the robot's state, by stamp."""

    def __init__(self, node: ModelNode, message_type: type, topic: str, what: str):
        self._what = what
        self._tolerance_ns = round(TOLERANCE * node.profile.model_dt * 1e9)
        self._messages: deque[tuple[int, Any]] = deque()
        self.stream = Stream(
            node,
            message_type,
            topic,
            STREAM,
            self._store,
            self._messages.clear,
            source=what,
            fix=f"start the robot's driver, or remap `{topic}`",
            timeout_s=node.value("camera_timeout_s"),
            max_age_s=node.value("max_image_age_s"),
        )

    def nearest(self, stamp_ns: int) -> tuple[int, Any]:
        """The message nearest to this stamp, after its own; PoseError when it is too far from it, or there is none."""
        found = min(self._messages.copy(), key=lambda entry: abs(entry[0] - stamp_ns), default=None)
        if found is None:
            raise PoseError(f"no {self._what} came on {self.stream.topic} yet")
        off_ns = stamp_ns - found[0]
        if abs(off_ns) > self._tolerance_ns:
            raise PoseError(
                f"the {self._what} on {self.stream.topic} nearest to the frame is {abs(off_ns) * 1e-9:.2f} s "
                f"{'older' if off_ns > 0 else 'younger'}, the limit is {self._tolerance_ns * 1e-9:.2f} s (a quarter of "
                "a model step): is it frozen, too slow, or stamped by another clock than the camera's?"
            )
        return found

    def _store(self, message: Any) -> None:
        stamp_ns = to_ns(message.header.stamp)
        self._messages.append((stamp_ns, message))
        while self._messages[0][0] < stamp_ns - HISTORY_NS:
            self._messages.popleft()
