"""Writes rosbag2 recordings for training: camera, commands and state of one robot, in an mcap bag."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from wm_ros.data.bag_topics import EPISODE_TOPIC, MARKER_TYPE, recorded_topics
from wm_ros.data.recording import RecordingError
from wm_ros.messages.command import fill_command, fill_targets
from wm_ros.messages.image import fill_image
from wm_ros.messages.stamp import fill_stamp
from wm_ros.messages.state import fill_state
from wm_ros.messages.views import split
from wm_ros.robots.profile import RobotProfile

# What a killed recorder may lose: the records since the last chunk went to disk.
CHUNK_S = 1.0


class BagWriter:
    """A new bag of the profile's camera, command and state topics and the `episode` marker.

    A context manager. Messages come as CDR bytes (`write`) or as arrays (`image`, `command`, `state`,
    `episode`). Times are nanoseconds on the camera's clock. The bag is whole when the context ends, by an
    exception too; a
    process that is killed loses the last second (of log time) only. Raises RecordingError when the folder exists
    or the profile names a message type whose definition is unknown.

    namespace: prefix of the topics; "/" for none. more: topics beside the profile's, with their types.
    """

    def __init__(
        self,
        path: str | Path,
        profile: RobotProfile,
        namespace: str = "/",
        more: Mapping[str, str] | None = None,
    ) -> None:
        self._path, self._profile = Path(path), profile
        self._store = get_typestore(Stores.ROS2_JAZZY)
        self.topics = {**recorded_topics(profile), **(more or {})}
        unknown = sorted(set(self.topics.values()) - set(self._store.fielddefs))
        if unknown:
            raise RecordingError(
                f"no definition of {', '.join(unknown)}: record with `ros2 bag record` instead"
            )
        if self._path.exists():
            raise RecordingError(f"{path} exists already; give another folder for the recording")
        self._namespace = namespace.rstrip("/") + "/"
        self._writer = Writer(self._path, version=8, storage_plugin=StoragePlugin.MCAP)
        self._writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
        self._chunk_ns = 0
        self._blanks: dict[str, Any] = {}  # making one takes longer than the rest of a write
        self.counts = dict.fromkeys(self.topics, 0)

    def __enter__(self) -> BagWriter:
        self._writer.open()
        self._connections = {
            topic: self._writer.add_connection(
                self._namespace + topic.lstrip("/"), kind, typestore=self._store
            )
            for topic, kind in self.topics.items()
        }
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    def write(self, topic: str, log_ns: int, data: bytes | memoryview) -> None:
        """One serialised message of a topic of `topics`."""
        if abs(log_ns - self._chunk_ns) > CHUNK_S * 1e9:
            self._to_disk()
            self._chunk_ns = log_ns
        self._writer.write(self._connections[topic], log_ns, data)
        self.counts[topic] += 1

    def image(self, stamp_ns: int, frame: np.ndarray) -> None:
        """A camera frame [H, W, 3] uint8 RGB, exposed at the stamp; of several cameras theirs side by side."""
        cameras = self._profile.cameras
        for camera, view in zip(cameras, split(frame, len(cameras)), strict=True):
            message = self._blank("sensor_msgs/msg/Image")
            fill_stamp(message.header.stamp, stamp_ns)
            message.header.frame_id = camera.name or "camera"
            self._put(camera.topic, stamp_ns, fill_image(message, view))

    def command(self, stamp_ns: int, vector: np.ndarray) -> None:
        """A command [A] in SI units, as the guard publishes it: rates, or the targets of joints."""
        message = self._blank(self._profile.command.type)
        if (
            hasattr(message, "points") and not message.points
        ):  # a trajectory: one point, a command period ahead
            point = _blank(self._store, "trajectory_msgs/msg/JointTrajectoryPoint")
            fill_stamp(point.time_from_start, round(1e9 / self._profile.command.rate_hz))
            message.points.append(point)
        fill = fill_command if self._profile.kind == "velocity" else fill_targets
        self._put(self._profile.command.topic, stamp_ns, fill(message, vector, self._profile, stamp_ns))

    def state(self, stamp_ns: int, positions: np.ndarray, velocities: np.ndarray) -> None:
        """Measured positions and velocities, as `fill_state` takes them; ValueError without a state topic."""
        if self._profile.state is None:
            raise ValueError(f"profile {self._profile.name} has no entry `state` to write this to")
        message = self._blank(self._profile.state.type)
        fill_state(message, self._profile, positions, velocities, stamp_ns)
        self._put(self._profile.state.topic, stamp_ns, message)

    def episode(self, log_ns: int, number: int) -> None:
        """Mark that what follows is a new episode."""
        message = self._blank(MARKER_TYPE)
        message.data = number
        self._put(EPISODE_TOPIC, log_ns, message)

    def _put(self, topic: str, log_ns: int, message: Any) -> None:
        self.write(topic, log_ns, self._store.serialize_cdr(message, self.topics[topic]))

    def _blank(self, kind: str) -> Any:
        """A message whose fields are zero, empty, or what was last written into it, which is written anew."""
        if kind not in self._blanks:
            self._blanks[kind] = _blank(self._store, kind)
        return self._blanks[kind]

    def _to_disk(self) -> None:
        storage: Any = self._writer.storage
        if storage.chunk.bio.tell():
            storage.close_chunk()
        storage.bio.flush()


def _blank(store: Any, kind: str) -> Any:
    """A message of this type with every field zero or empty; rosbags' own classes have no defaults."""
    fields = {name: _default(store, *definition) for name, definition in store.fielddefs[kind][1]}
    return store.types[kind](**fields)


def _default(store: Any, node: Any, detail: Any) -> Any:
    if node.name == "NAME":
        return _blank(store, detail)
    if node.name == "BASE":
        return {"string": "", "bool": False, "float32": 0.0, "float64": 0.0}.get(detail[0], 0)
    (inner, inner_detail), length = detail
    size = length if node.name == "ARRAY" else 0
    if inner.name == "BASE" and inner_detail[0] != "string":
        return np.zeros(size, inner_detail[0])
    return [_default(store, inner, inner_detail) for _ in range(size)]
