"""What the model is after and what it sees, side by side, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from wm_ros.messages.image import decode_image, fill_image
from wm_ros.nodes.interfaces import Stage
from wm_ros.nodes.model_node import ModelNode
from wm_ros.ros.qos import OUTPUT

if TYPE_CHECKING:
    from torch import Tensor

HEIGHT = 240  # least height of the pictures: the model's own may be a few millimetres on a screen
GAP = 4
NO_GOAL = 64


class GoalView(Stage):
    """Publishes on `~/view` the goal (left) and the frame planned from (right), while somebody subscribes.

    What the model predicts is not shown: its world is made of latents, and no checkpoint has a decoder.
    """

    _node: ModelNode

    def __init__(self, node: ModelNode):
        super().__init__(node)
        self._publisher = node.advertise(Image, "~/view", OUTPUT)

    def __call__(self, header: Header, latent: Tensor) -> None:
        if self._publisher.get_subscription_count():
            goal, most = self._node.goal, self._node.max_pixels
            picture = side_by_side(
                None if goal is None else decode_image(goal, most), decode_image(self._node.frame, most)
            )
            self._publisher.publish(fill_image(Image(header=header), picture))


def side_by_side(goal: np.ndarray | None, frame: np.ndarray) -> np.ndarray:
    """Both pictures [H, W, 3] at one height, goal on the left; grey where there is no goal."""
    scale = max(1, -(-HEIGHT // frame.shape[0]))
    frame = frame.repeat(scale, axis=0).repeat(scale, axis=1)
    height = frame.shape[0]
    if goal is None:
        goal = np.full_like(frame, NO_GOAL)
    else:
        width = max(1, round(goal.shape[1] * height / goal.shape[0]))
        goal = cv2.resize(goal, (width, height), interpolation=cv2.INTER_NEAREST)
    return np.hstack([goal, np.full((height, GAP, 3), 255, np.uint8), frame])
