"""Seeded pictures on a camera topic, and goals on theirs."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from ros_harness import Ros
from sensor_msgs.msg import CompressedImage, Image

from wm_ros.messages.image import fill_image
from wm_ros.messages.stamp import fill_stamp
from wm_ros.ros.qos import LATCHED, image_qos


def picture(seed: int, height: int = 48, width: int = 64) -> np.ndarray:
    """Coloured blotches, uint8 [H, W, 3]."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def image_message(array: np.ndarray, stamp_ns: int = 0) -> Image:
    message = fill_image(Image(), array)
    message.header.frame_id = "camera"
    fill_stamp(message.header.stamp, stamp_ns)
    return message


class Camera:
    """Publishes pictures as a driver does, stamped with the ROS time of the call unless told otherwise."""

    def __init__(self, ros: Ros, topic: str = "image", reliability: str = "best_effort"):
        self._ros = ros
        self._publisher = ros.node.create_publisher(Image, topic, image_qos(reliability, 1))

    def send(self, array: np.ndarray | int, stamp_ns: int | None = None) -> int:
        """Publish a picture (or the one of a seed) and return its stamp in ns."""
        if stamp_ns is None:
            stamp_ns = self._ros.node.get_clock().now().nanoseconds
        array = picture(array) if isinstance(array, int) else array
        self.publish(image_message(array, stamp_ns))
        return stamp_ns

    def publish(self, message: Any) -> None:
        self._publisher.publish(message)


class CompressedCamera(Camera):
    """The same as JPEG on `<topic>/compressed`."""

    def __init__(self, ros: Ros, topic: str = "image"):
        self._ros = ros
        qos = image_qos("best_effort", 1)
        self._publisher = ros.node.create_publisher(CompressedImage, f"{topic}/compressed", qos)

    def publish(self, message: Image) -> None:
        array = np.frombuffer(message.data, np.uint8).reshape(message.height, message.width, 3)
        jpeg = cv2.imencode(".jpg", cv2.cvtColor(array, cv2.COLOR_RGB2BGR))[1]
        compressed = CompressedImage(header=message.header, format="jpeg")
        compressed.data.frombytes(jpeg.tobytes())
        self._publisher.publish(compressed)


class Goals:
    """Latched goal images."""

    def __init__(self, ros: Ros):
        self._publisher = ros.node.create_publisher(Image, "goal_image", LATCHED)

    def send(self, seed: int) -> None:
        self.publish(image_message(picture(seed)))

    def publish(self, message: Image) -> None:
        self._publisher.publish(message)
