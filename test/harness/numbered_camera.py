"""A camera whose frames are numbered in `frame_id`, so that a reader knows what it missed."""

import array
import sys

from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image

from wm_ros.ros.process import run

RATE_HZ = 20.0


class NumberedCamera(Node):
    """640x480 rgb8, best effort; starts counting when somebody listens."""

    def __init__(self):
        super().__init__("camera")
        self._image = Image(width=640, height=480, step=640 * 3, encoding="rgb8")
        self._image.data = array.array("B", bytes(640 * 480 * 3))
        self._count = 0
        self._publisher = self.create_publisher(Image, "image", qos_profile_sensor_data)
        self.create_timer(1.0 / RATE_HZ, self._publish)

    def _publish(self) -> None:
        if self._publisher.get_subscription_count():
            self._image.header.frame_id = str(self._count)
            self._count += 1
            self._publisher.publish(self._image)

    def on_exit(self) -> None:
        """Nothing to stop."""


if __name__ == "__main__":
    sys.exit(run(NumberedCamera))
