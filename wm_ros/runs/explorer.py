"""Bounded exploratory motion as plans for the guard, one for each camera frame: what a robot is recorded with."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from rclpy.node import Node
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from wm_ros.data.bag_topics import camera_topics
from wm_ros.data.exploration import Exploration
from wm_ros.messages.frame_sets import FrameSets
from wm_ros.messages.plan import fill_plan
from wm_ros.messages.stamp import to_ns
from wm_ros.robots.profile import RobotProfile
from wm_ros.ros.message_class import message_class
from wm_ros.ros.qos import PLAN, STREAM

# A new plan at most this often; cameras may be faster.
PERIOD_S = 0.1


class Explorer(Node):
    """Publishes on `plan` while `exploring` is true, stamped with the frame just seen.

    So the guard's rule holds for it as for a planner: when a camera stops, the robot stops. The excursion
    is counted from where the robot stood at first, over all episodes.
    """

    def __init__(self, profile: RobotProfile, seed: int, max_excursion: float, **node_options: Any) -> None:
        super().__init__("explorer", **node_options)
        self.exploring = False
        self._exploration = Exploration(profile, np.random.default_rng(seed), max_excursion)
        self._last_ns = 0
        self._plans = self.create_publisher(JointTrajectory, "plan", PLAN)
        self._sets = FrameSets(len(profile.cameras), profile.frames_apart_s)
        for number, (topic, kind) in enumerate(camera_topics(profile).items()):
            self.create_subscription(message_class(kind), topic, partial(self._on_frame, number), STREAM)

    def _on_frame(self, camera: int, message: Any) -> None:
        frames = self._sets.add(camera, to_ns(message.header.stamp), None)
        if frames is None:
            return
        stamp_ns = frames.oldest_ns
        # Half a period of slack: a camera of this very rate must not lose frames to jitter.
        if not self.exploring or 0 <= stamp_ns - self._last_ns < PERIOD_S * 0.5e9:
            return
        self._last_ns = stamp_ns
        plan = self._exploration.plan(stamp_ns, PERIOD_S)
        self._plans.publish(fill_plan(JointTrajectory(), plan, JointTrajectoryPoint))
