"""A 640x480 camera at 20 Hz for `wm_ros bench soak`: every picture another one, numbered in `frame_id`."""

from __future__ import annotations

import sys

import numpy as np
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from sensor_msgs.msg import Image

from wm_ros.messages.image import fill_image
from wm_ros.messages.stamp import fill_stamp
from wm_ros.ros.process import run
from wm_ros.ros.qos import image_qos

HEIGHT, WIDTH, RATE_HZ, SCENES = 480, 640, 20.0, 20


class SoakCamera(Node):
    """Publishes `image`, best effort, stamped now."""

    def __init__(self) -> None:
        super().__init__("camera")
        random = np.random.default_rng(0)
        coarse = random.integers(0, 256, (SCENES, 8, 10, 3), dtype=np.uint8)
        self._scenes = coarse.repeat(HEIGHT // 8, axis=1).repeat(WIDTH // 10, axis=2)
        self._random = random
        self._count = 0
        self._image = Image()
        self._publisher = self.create_publisher(Image, "image", image_qos("best_effort", 1))
        self.create_timer(1.0 / RATE_HZ, self._publish, clock=Clock(clock_type=ClockType.STEADY_TIME))

    def _publish(self) -> None:
        scene = self._scenes[self._count % SCENES]
        scene[0] = self._random.integers(0, 256, (WIDTH, 3), dtype=np.uint8)  # a sensor's noise, in one row
        fill_image(self._image, scene)
        fill_stamp(self._image.header.stamp, self.get_clock().now().nanoseconds)
        self._image.header.frame_id = str(self._count)
        self._count += 1
        self._publisher.publish(self._image)


if __name__ == "__main__":
    sys.exit(run(SoakCamera))
