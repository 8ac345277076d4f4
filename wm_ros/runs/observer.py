"""Sees what passes on a robot's topics, with the times at which it passed."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from trajectory_msgs.msg import JointTrajectory

from wm_ros.messages.image import decode_image
from wm_ros.messages.places import CommandRates
from wm_ros.messages.stamp import to_ns
from wm_ros.messages.state import read_state
from wm_ros.messages.tensor import decode_tensor
from wm_ros.robots.profile import RobotProfile
from wm_ros.ros.message_class import message_class

ALL = QoSProfile(depth=200, reliability=ReliabilityPolicy.RELIABLE)
CAMERA = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)


class Observer(Node):
    """Keeps, as lists in the order of arrival, what the figures of a closed loop are made of.

    states: (stamp ns, positions [P]); commands: (steady ns of arrival, vector [A]); plan_ages_ms: from the
    frame's stamp to the plan's arrival; frames: (stamp ns, [H, W, 3]); latent_actions: (stamp ns, [Z]);
    latents: by stamp ns, [N, D].
    """

    def __init__(self, profile: RobotProfile, **node_options: Any) -> None:
        super().__init__("observer", **node_options)
        self._profile = profile
        self._rates = CommandRates(profile, self._measured)
        self.states: list[tuple[int, np.ndarray]] = []
        self.commands: list[tuple[int, np.ndarray]] = []
        self.plan_ages_ms: list[float] = []
        self.frames: list[tuple[int, np.ndarray]] = []
        self.latent_actions: list[tuple[int, np.ndarray]] = []
        self.latents: dict[int, np.ndarray] = {}
        command = message_class(profile.command.type)
        self.create_subscription(command, profile.command.topic, self._on_command, ALL)
        state = message_class(profile.required_state.type)
        self.create_subscription(state, profile.required_state.topic, self._on_state, ALL)
        self.create_subscription(JointTrajectory, "plan", self._on_plan, ALL)
        self.create_subscription(Image, profile.camera.topic, self._on_frame, CAMERA)
        self.create_subscription(Image, "latent", self._on_latent, ALL)
        self.create_subscription(Image, "latent_action", self._on_latent_action, ALL)

    def _measured(self) -> np.ndarray | None:
        """Where the joints that commands move were last."""
        joints = [self._profile.state_names.index(name) for name in self._profile.names]
        return self.states[-1][1][joints] if self.states else None

    def _on_command(self, message: Any) -> None:
        now_ns = time.monotonic_ns()
        self.commands.append((now_ns, self._rates(message, now_ns)))

    def _on_state(self, message: Any) -> None:
        self.states.append((to_ns(message.header.stamp), read_state(message, self._profile)))

    def _on_plan(self, message: JointTrajectory) -> None:
        age_ns = self.get_clock().now().nanoseconds - to_ns(message.header.stamp)
        self.plan_ages_ms.append(age_ns * 1e-6)

    def _on_frame(self, message: Image) -> None:
        self.frames.append((to_ns(message.header.stamp), decode_image(message)))

    def _on_latent(self, message: Image) -> None:
        self.latents[to_ns(message.header.stamp)] = decode_tensor(message)

    def _on_latent_action(self, message: Image) -> None:
        self.latent_actions.append((to_ns(message.header.stamp), decode_tensor(message)[0]))
