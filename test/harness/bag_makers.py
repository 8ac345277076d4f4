"""Small bags for tests: message by message, as other recorders would have written them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from message_kinds import blank, typestore
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer

SECOND = 1_000_000_000
PERIOD = SECOND // 10
COMMANDS = "/joint_velocity_controller/commands"
IMAGE, COMPRESSED, ARRAY = (
    "sensor_msgs/msg/Image",
    "sensor_msgs/msg/CompressedImage",
    "std_msgs/msg/Float64MultiArray",
)


def image(stamp_ns: int, value: int = 0, width: int = 4, **fields: Any) -> Any:
    """A grey rgb8 picture, 3 pixels high."""
    message = blank("rosbags", IMAGE, height=3, width=width, step=3 * width, encoding="rgb8")
    message.data = np.full(9 * width, value, np.uint8)
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp_ns, SECOND)
    for field, content in fields.items():
        setattr(message, field, content)
    return message


def command(*rates: float) -> Any:
    return blank("rosbags", ARRAY, data=np.array(rates))


def frames(
    count: int, start: int = 5 * SECOND, period: int = PERIOD, topic: str = "/image"
) -> list[tuple[str, int, Any]]:
    """Pictures at 10 Hz, each as grey as its number."""
    return [(topic, start + k * period, image(start + k * period, k)) for k in range(count)]


def held(start: int, count: int, *rates: float, period: int = SECOND // 50) -> list[tuple[str, int, Any]]:
    """The same command again and again, at 50 Hz."""
    return [(COMMANDS, start + k * period, command(*rates)) for k in range(count)]


def write_bag(
    path: Path,
    messages: Iterable[tuple[str, int, Any]],
    storage: StoragePlugin = StoragePlugin.MCAP,
    topics: Iterable[tuple[str, str]] = (),
    compression: CompressionMode = CompressionMode.NONE,
    **options: Any,
) -> Path:
    """A bag of (topic, log_ns, message); `topics` (name, type) are there even without messages."""
    writer = Writer(path, version=8, storage_plugin=storage)
    writer.set_compression(compression, CompressionFormat.ZSTD)
    with writer:
        connections = {}
        for topic, kind in topics:
            connections[topic] = writer.add_connection(topic, kind, typestore=typestore(), **options)
        for topic, log_ns, message in messages:
            kind = message.__msgtype__
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=typestore(), **options)
            writer.write(connections[topic], log_ns, typestore().serialize_cdr(message, kind))
    return path
