"""The measured states of a robot in a bag, beside the frames of the same bag."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from wm_ros.data.bag_messages import Bag
from wm_ros.data.bag_topics import find_topic
from wm_ros.data.stamps import HeaderClock
from wm_ros.messages.pose import read_position_and_quaternion
from wm_ros.messages.state import read_state
from wm_ros.robots.profile import RobotProfile

JOINTS, ODOMETRY, POSE = (
    "sensor_msgs/msg/JointState",
    "nav_msgs/msg/Odometry",
    "geometry_msgs/msg/PoseStamped",
)


@dataclass(frozen=True)
class States:
    """What a robot measured of itself: stamps [S] ns, increasing, S > 0, and values [S, P] under `names` in `units`."""

    names: tuple[str, ...]
    units: tuple[str, ...]
    stamps_ns: np.ndarray
    values: np.ndarray

    def nearest(self, stamps_ns: np.ndarray, within_s: float) -> np.ndarray | None:
        """The value nearest to each of these stamps [T, P]; None where one has none within so many seconds."""
        after = np.clip(np.searchsorted(self.stamps_ns, stamps_ns), 0, len(self.stamps_ns) - 1)
        before = np.maximum(after - 1, 0)
        closer = stamps_ns - self.stamps_ns[before] < np.abs(self.stamps_ns[after] - stamps_ns)
        chosen = np.where(closer, before, after)
        far = np.abs(self.stamps_ns[chosen] - stamps_ns) > within_s * 1e9
        return None if far.any() else self.values[chosen]


def described_state(profile: RobotProfile) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names and units of what the profile's state topic tells; both empty where there is none that is understood."""
    kind = profile.state.type if profile.state is not None else ""
    if kind == JOINTS:
        units = {part.name: part.unit.removesuffix("/s") for part in profile.action}
        return profile.state_names, tuple(units.get(name, "") for name in profile.state_names)
    if kind == ODOMETRY:
        return ("x", "y", "yaw"), ("m", "m", "rad")
    if kind == POSE:
        return ("x", "y", "z", "qw", "qx", "qy", "qz"), ("m", "m", "m", "", "", "", "")
    return (), ()


def read_states(bag: Bag, profile: RobotProfile, stamps: str) -> tuple[States | None, str]:
    """The states of a bag, dated as its frames are (`header` or `log`), and what to say of them, empty if nothing.

    None where the profile names no state, or the bag has none that can be read.
    """
    if profile.state is None:
        return None, ""
    names, units = described_state(profile)
    topic = find_topic(bag.topics, profile.state.topic)
    if not names or topic is None or bag.topics[topic] != profile.state.type:
        return None, f"no {profile.state.type} on {profile.state.topic}: without observation.state"
    clock, lost = HeaderClock(), 0
    found: list[tuple[int, np.ndarray]] = []
    for _, log_ns, message in bag.messages([topic]):
        stamp_ns = log_ns if stamps == "log" else clock(message, log_ns)
        try:
            value = _value(message, profile)
        except (KeyError, ValueError):  # other joints on the same topic, or a broken pose
            value = None
        if stamp_ns is None or value is None or not np.isfinite(value).all():
            lost += 1
        else:
            found.append((stamp_ns, value))
    if not found:
        return None, f"no usable message of {lost} on {topic}: without observation.state"
    found.sort(key=lambda entry: entry[0])
    stamps_ns = np.array([stamp_ns for stamp_ns, _ in found], dtype=np.int64)
    values = np.array([value for _, value in found]).reshape(len(found), len(names))
    note = f"left out {lost} messages on {topic}, without a stamp or without all of {', '.join(names)}"
    return States(names, units, stamps_ns, values), note if lost else ""


def _value(message: Any, profile: RobotProfile) -> np.ndarray:
    if message.__msgtype__ == POSE:
        return np.concatenate(read_position_and_quaternion(message))
    return read_state(message, profile)
