"""A robot that is told positions, for fault rounds: it is where it is told to be at once, and tells so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from sensor_msgs.msg import JointState

from wm_ros.messages.command import read_targets
from wm_ros.messages.stamp import fill_stamp
from wm_ros.robots.profile import RobotProfile
from wm_ros.ros.message_class import message_class
from wm_ros.ros.qos import COMMAND

STATE_S = 0.02


class FollowingRobot:
    """Publishes its joint states 50 times a second, stamped by `now_ns`.

    telling: false, it is silent. stamp_ns: set, it repeats this stamp.
    reported: the positions [A] last published.
    """

    def __init__(self, node: Node, profile: RobotProfile, now_ns: Callable[[], int]) -> None:
        self._profile, self._now_ns = profile, now_ns
        self._positions = self.reported = np.zeros(len(profile.action))
        self.telling = True
        self.stamp_ns: int | None = None
        command = message_class(profile.command.type)
        node.create_subscription(command, profile.command.topic, self._on_command, COMMAND)
        self._states = node.create_publisher(JointState, profile.required_state.topic, 10)
        node.create_timer(STATE_S, self._tell, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def freeze(self) -> None:
        """Tell the state of this moment again and again."""
        self.telling, self.stamp_ns = True, self._now_ns()

    def repair(self) -> None:
        self.telling, self.stamp_ns = True, None

    def _on_command(self, message: Any) -> None:
        self._positions = read_targets(message, self._profile)

    def _tell(self) -> None:
        if not self.telling:
            return
        self.reported = self._positions
        message = JointState(name=list(self._profile.names), position=self._positions.tolist())
        fill_stamp(message.header.stamp, self.stamp_ns or self._now_ns())
        self._states.publish(message)
