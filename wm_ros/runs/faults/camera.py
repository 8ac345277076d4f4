"""The camera of a fault round: shows its scene until a fault changes that, in a DDS participant of its own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from rclpy.context import Context
from rclpy.node import Node
from sensor_msgs.msg import Image

from wm_ros.messages.image import fill_image
from wm_ros.messages.stamp import fill_stamp
from wm_ros.ros.qos import image_qos

SIDE = 64
NOISE = 4  # grey levels


def random_picture(seed: int, side: int = SIDE) -> np.ndarray:
    """A coloured picture [side, side, 3] uint8."""
    coarse = np.random.default_rng(seed).integers(0, 256 - NOISE, (8, 8, 3), dtype=np.uint8)
    return np.kron(coarse, np.ones((side // 8, side // 8, 1), np.uint8))


class Camera:
    """Publishes what `show(stamp_ns)` gives, None for nothing, when `publish` is called; it is never spun."""

    def __init__(self, topic: str, seed: int) -> None:
        self._topic = topic
        self._scene = {side: random_picture(seed, side) for side in (SIDE, 2 * SIDE, 20 * SIDE)}
        self._random = np.random.default_rng(seed)
        self.open()
        self.show_scene()

    def open(self) -> None:
        """Join the graph, as a new participant."""
        self._context = Context()
        self._context.init(args=[])
        self._node = Node("camera", context=self._context, use_global_arguments=False)
        self._publisher = self._node.create_publisher(Image, self._topic, image_qos("best_effort", 1))

    def close(self) -> None:
        """Leave the graph."""
        if self._context.ok():
            self._node.destroy_node()
            self._context.shutdown()

    def show_scene(self) -> None:
        """Show the scene with noise, stamped now."""
        self.show: Callable[[int], Image | None] = self.picture

    def picture(self, stamp_ns: int, side: int = SIDE) -> Image:
        """The scene under this stamp, with the noise that every real picture has."""
        noise = self._random.integers(0, NOISE, (side, side, 1), dtype=np.uint8)
        image = fill_image(Image(), self._scene[side] + noise)
        fill_stamp(image.header.stamp, stamp_ns)
        return image

    def publish(self, stamp_ns: int) -> None:
        if self._context.ok():
            image = self.show(stamp_ns)
            if image is not None:
                self._publisher.publish(image)
