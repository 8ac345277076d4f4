"""What the model is after, what it sees and what it expects, side by side, for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from wm_ros.messages.image import fill_image
from wm_ros.nodes.interfaces import Stage
from wm_ros.nodes.model_node import ModelNode
from wm_ros.ros.qos import OUTPUT

if TYPE_CHECKING:
    from torch import Tensor

HEIGHT = 240  # least height of the pictures: the model's own may be a few millimetres on a screen
GAP = 4
LABEL = 24  # height of the line above the pictures
NOT_THERE = 64


class GoalView(Stage):
    """Publishes on `~/view` the goal, the frame planned from, and, where the checkpoint has a decoder, what is expected
    at the end of the plan; while somebody subscribes."""

    _node: ModelNode

    def __init__(self, node: ModelNode):
        from wm_ros.models.checkpoint import find_checkpoint
        from wm_ros.models.decoder_checkpoint import load_decoder

        super().__init__(node)
        self._publisher = node.advertise(Image, "~/view", OUTPUT)
        folder = find_checkpoint(node.value("checkpoint"), node.profile)
        self._decoder = load_decoder(folder, node.model.encoder, node.model.device)

    def __call__(self, header: Header, latent: Tensor) -> None:
        if self._publisher.get_subscription_count():
            goal, picture_of = self._node.goal, self._node.source.picture
            frame = picture_of(self._node.frame)
            pictures = [("goal", None if goal is None else picture_of(goal)), ("now", frame)]
            if self._decoder is not None:
                pictures.append(("end of the plan", self._expected()))
            self._publisher.publish(fill_image(Image(header=header), side_by_side(pictures, frame.shape)))

    def _expected(self) -> np.ndarray | None:
        from wm_ros.models.decoder import draw

        end = None if self._node.expected_end is None else self._node.expected_end()
        if end is None or self._decoder is None:
            return None
        drawn = draw(self._decoder, end[None])[0]
        # Of several cameras, squeezed into a square by its training.
        return drawn.repeat(self._node.model.encoder.views, axis=1)


def side_by_side(pictures: Sequence[tuple[str, np.ndarray | None]], shape: tuple[int, ...]) -> np.ndarray:
    """Named pictures [H, W, 3] at one height under their names: a multiple of the height in `shape` of at least 240.

    Grey of this shape where there is none.
    """
    height = shape[0] * max(1, -(-HEIGHT // shape[0]))
    columns: list[np.ndarray] = []
    for name, picture in pictures:
        known = np.full((shape[0], shape[1], 3), NOT_THERE, np.uint8) if picture is None else picture
        width = max(1, round(known.shape[1] * height / known.shape[0]))
        shown = cv2.resize(known, (width, height), interpolation=cv2.INTER_NEAREST)
        title = np.zeros((LABEL, width, 3), np.uint8)
        cv2.putText(title, name, (4, LABEL - 7), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (255,) * 3, 1, cv2.LINE_AA)
        columns += [np.vstack([title, shown]), np.full((LABEL + height, GAP, 3), 255, np.uint8)]
    return np.hstack(columns[:-1])
