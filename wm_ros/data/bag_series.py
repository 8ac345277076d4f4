"""What a bag tells of a robot beside its camera, as series over time: measured states, and the places it is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from wm_ros.data.bag_messages import Bag
from wm_ros.data.bag_topics import action_topic, find_topic
from wm_ros.data.stamps import HeaderClock
from wm_ros.messages.command import CommandError
from wm_ros.messages.places import commanded_place, measured_place
from wm_ros.messages.pose import read_position_and_quaternion
from wm_ros.messages.state import read_state
from wm_ros.robots.consistency import JOINT_STATE_TYPE, POSE_TYPE
from wm_ros.robots.profile import RobotProfile

ODOMETRY_TYPE = "nav_msgs/msg/Odometry"


@dataclass(frozen=True)
class Series:
    """Values [S, P] under `names` and in `units`, at stamps [S] ns, increasing; S > 0."""

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

    def between(self, stamps_ns: np.ndarray, since_ns: int, until_ns: int) -> np.ndarray | None:
        """The value at each of these stamps [T, P], on the line between those before and after; None without any.

        Only what is stamped from `since_ns` until `until_ns` counts, and the first and the last hold beyond.
        """
        start, stop = np.searchsorted(self.stamps_ns, [since_ns, until_ns + 1])
        if start == stop:
            return None
        times = (self.stamps_ns[start:stop] - since_ns) * 1e-9
        wanted = (stamps_ns - since_ns) * 1e-9
        columns = self.values[start:stop].T
        return np.stack([np.interp(wanted, times, column) for column in columns], axis=-1)


def read_states(bag: Bag, profile: RobotProfile, stamps: str) -> tuple[Series | None, str]:
    """The measured states of a bag, dated as its frames are (`header` or `log`), and what to say of them.

    In SI units; of a robot that is told positions, joints are counted as LeRobot does. None where the profile names no
    state, or the bag has none that can be read.
    """
    if profile.state is None:
        return None, ""
    names, units = _described_state(profile)
    topic = find_topic(bag.topics, profile.state.topic)
    if not names or topic is None or bag.topics[topic] != profile.state.type:
        return None, f"no {profile.state.type} on {profile.state.topic}: without observation.state"
    found, note = _series(bag, topic, stamps, lambda message: _state(message, profile), names, units)
    return found, note if found is not None else f"{note}: without observation.state"


def read_places(bag: Bag, profile: RobotProfile, stamps: str) -> tuple[Series | None, str]:
    """The joint positions that a bag's actions are the rates between, counted as LeRobot does, and what to say of them.

    They are what the robot is told or, where the profile has actions from states, where it is. None for a robot that is
    told no positions.
    """
    topic = action_topic(bag, profile)
    if profile.kind != "position" or topic is None:
        return None, ""
    place = measured_place if profile.actions_from == "states" else commanded_place

    def value(message: Any) -> np.ndarray | None:
        found = place(message, profile)
        return None if found is None else _counted(profile.names, found, profile)

    units = tuple(part.required_target.in_lerobot for part in profile.action)
    return _series(bag, topic, stamps, value, profile.names, units)


def _described_state(profile: RobotProfile) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names and units of what the profile's state topic tells; both empty where that is not understood."""
    kind = profile.required_state.type
    if kind == ODOMETRY_TYPE:
        return ("x", "y", "yaw"), ("m", "m", "rad")
    if kind == POSE_TYPE:
        return ("x", "y", "z", "qw", "qx", "qy", "qz"), ("m", "m", "m", "", "", "", "")
    if kind != JOINT_STATE_TYPE:
        return (), ()
    units = {part.name: part.unit.removesuffix("/s") for part in profile.action}
    if profile.kind == "position":
        units = {part.name: part.required_target.in_lerobot for part in profile.action}
    return profile.state_names, tuple(units.get(name, "") for name in profile.state_names)


def _state(message: Any, profile: RobotProfile) -> np.ndarray:
    if message.__msgtype__ == POSE_TYPE:
        return np.concatenate(read_position_and_quaternion(message))
    values = read_state(message, profile)
    if message.__msgtype__ != JOINT_STATE_TYPE or profile.kind != "position":
        return values
    targets = {part.name: part.required_target for part in profile.action}
    places = [
        targets[name].from_state(value) if name in targets else value
        for name, value in zip(profile.state_names, values, strict=True)
    ]
    return _counted(profile.state_names, np.array(places), profile)


def _counted(names: tuple[str, ...], places: np.ndarray, profile: RobotProfile) -> np.ndarray:
    """Positions of joints in rad, m or parts of an opening as LeRobot counts them; those of other joints stay."""
    targets = {part.name: part.required_target for part in profile.action}
    return np.array(
        [
            targets[name].to_lerobot(float(place)) if name in targets else float(place)
            for name, place in zip(names, places, strict=True)
        ]
    )


def _series(
    bag: Bag,
    topic: str,
    stamps: str,
    value: Callable[[Any], np.ndarray | None],
    names: tuple[str, ...],
    units: tuple[str, ...],
) -> tuple[Series | None, str]:
    """The messages of a topic that hold what they must; and how many do not, in words, empty for none."""
    clock, lost = HeaderClock(), 0
    found: list[tuple[int, np.ndarray]] = []
    for _, log_ns, message in bag.messages([topic]):
        stamp_ns = log_ns
        if stamps != "log" and hasattr(message, "header"):
            stamp_ns = clock(message, log_ns) or 0
        try:
            vector = value(message)
        except (KeyError, ValueError, CommandError):  # other joints on the same topic, or a broken pose
            vector = None
        if not stamp_ns or vector is None or not np.isfinite(vector).all():
            lost += 1
        else:
            found.append((stamp_ns, vector))
    if not found:
        return None, f"none of {lost} messages on {topic} tells {', '.join(names)} at a time"
    found.sort(key=lambda entry: entry[0])
    stamps_ns = np.array([stamp_ns for stamp_ns, _ in found], dtype=np.int64)
    values = np.array([vector for _, vector in found])
    note = f"left out {lost} messages on {topic}, without a stamp or without all of {', '.join(names)}"
    return Series(names, units, stamps_ns, values), note if lost else ""
