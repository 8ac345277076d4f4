"""Plays a bag's camera and state on a ROS graph with its own /clock, as recorded or with a fault in it."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np
from rclpy.clock import Clock as RosClock
from rclpy.clock import ClockType
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message, serialize_message
from rosgraph_msgs.msg import Clock

from wm_ros.data.bag_messages import Bag
from wm_ros.data.recording import RecordingError
from wm_ros.data.segments import Survey
from wm_ros.evaluation.replay.faults import FaultyCamera
from wm_ros.evaluation.replay.results import Playback
from wm_ros.messages.cdr import stamp_of
from wm_ros.messages.command import CommandError
from wm_ros.messages.image import decode_image
from wm_ros.messages.places import CommandRates
from wm_ros.messages.stamp import fill_stamp
from wm_ros.messages.views import joined
from wm_ros.robots.profile import RobotProfile
from wm_ros.ros.message_class import message_class
from wm_ros.ros.qos import OUTPUT

# Executors look at each service before each message; nobody sets parameters of a player.
MINIMAL_NODE: Mapping[str, Any] = {"start_parameter_services": False, "enable_rosout": False}
GOAL_NS = 1_000_000_000  # within which each of several cameras has a frame for a goal
CLOCK_S = 0.02  # each message wakes every node: 50 Hz costs the stack less than it blurs an age
RELIABLE = QoSProfile(depth=5, reliability=ReliabilityPolicy.RELIABLE)  # fits every subscriber

OnFrame = Callable[
    [int, "int | None"], None
]  # stamp ns; ns from it to its arrival as recorded, None: at fault
OnCommand = Callable[[int, np.ndarray], None]  # time ns, vector [A]


class BagPlayer(Node):
    """The bag as a camera driver and a clock.

    Between playbacks the clock stands at the begin of the next episode, so that it jumps only while the guard is not
    armed. Messages go out as the bytes that were recorded, on the topics of the profile; the operator's commands do
    not go out at all. rate: seconds of the bag in a second.

    frames: how many were shown, of the first of several cameras; late_ms: each of all that were.
    """

    def __init__(
        self, bag: Bag, survey: Survey, profile: RobotProfile, rate: float, **node_options: Any
    ) -> None:
        super().__init__("bag_player", **{**MINIMAL_NODE, **node_options})
        self._bag, self._survey, self._profile, self._rate = bag, survey, profile, rate
        self._cameras: dict[str, Publisher[Any]] = {}
        for topic, camera in zip(survey.cameras, profile.cameras, strict=True):
            shown = camera.topic + ("/compressed" if _transport(bag, topic) == "compressed" else "")
            self._cameras[topic] = self.create_publisher(message_class(bag.topics[topic]), shown, RELIABLE)
        self.camera_topics = [publisher.topic_name for publisher in self._cameras.values()]
        self._state: Publisher[Any] | None = None
        if survey.state is not None:
            state = profile.required_state
            self._state = self.create_publisher(message_class(state.type), state.topic, RELIABLE)
        self._clocks = self.create_publisher(Clock, "/clock", OUTPUT)
        self._clock_message = Clock()
        self._zero_ns = 0  # of the replay's clock when the play began
        self._began_ns: int | None = None  # steady; None: the clock stands still
        self._fault: FaultyCamera | None = None  # of the camera that was named, or the first
        self._at_fault: dict[str, FaultyCamera] = {}  # by topic
        self.frames = 0
        self.late_ms = array("d")
        steady = RosClock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(CLOCK_S, self.publish_clock, clock=steady)

    def pause_at(self, time_ns: int) -> None:
        """Let the clock stand still from now on."""
        self._zero_ns, self._began_ns, self._fault, self._at_fault = time_ns, None, None, {}
        self.publish_clock()

    def time_ns(self) -> int:
        """Time of the replay: the bag's, whatever a fault does to the clock."""
        if self._began_ns is None:
            return self._zero_ns
        return self._zero_ns + round((time.monotonic_ns() - self._began_ns) * self._rate)

    def publish_clock(self) -> None:
        now_ns = self.time_ns()
        fill_stamp(self._clock_message.clock, self._fault.clock_ns(now_ns) if self._fault else now_ns)
        self._clocks.publish(self._clock_message)

    def play(
        self,
        playback: Playback,
        *,
        spin: Callable[[float], None],
        on_frame: OnFrame,
        on_command: OnCommand,
    ) -> None:
        """Play an episode; the clock must stand at its begin. spin: called with the seconds it may take."""
        segment, end_ns = playback.segment, playback.end_ns
        if playback.fault is not None:
            for number in playback.fault.concerns(self._profile):
                topic = self._survey.cameras[number]
                corrupt = partial(_corrupt, message_class(self._bag.topics[topic]))
                self._at_fault[topic] = FaultyCamera(playback.fault, segment.start_ns, corrupt)
            self._fault = next(iter(self._at_fault.values()))
        survey = self._survey
        topics = [topic for topic in (*survey.cameras, survey.commands, survey.state) if topic is not None]
        self._began_ns = time.monotonic_ns()
        rates = CommandRates(self._profile)
        for message in self._bag.encoded(topics, since_ns=int(segment.log_ns[0])):
            at_ns = message.log_ns + segment.offset_ns
            if at_ns >= end_ns:
                break
            self._spin_until(at_ns, spin)
            if message.topic in self._cameras:
                spin(0.0)  # also when late
                self._show(message.topic, at_ns, bytes(message.data), on_frame)
            elif message.topic == survey.commands:
                with suppress(CommandError):  # a command that is none was the operator's fault
                    on_command(at_ns, rates(message.decode(), at_ns))
            elif self._state is not None:
                self._state.publish(bytes(message.data))
        self._spin_until(end_ns, spin)

    def goal(self, log_ns: int) -> np.ndarray:
        """The first camera's frame that was logged at this time, [H, W, 3] uint8 RGB; of several cameras beside it the
        nearest frames of the others."""
        nearest: dict[str, tuple[int, Any]] = {}
        for message in self._bag.encoded(self._cameras, since_ns=log_ns - GOAL_NS * (len(self._cameras) > 1)):
            if message.log_ns > log_ns + GOAL_NS:
                break
            far_ns = abs(message.log_ns - log_ns)
            if message.topic not in nearest or far_ns < nearest[message.topic][0]:
                nearest[message.topic] = (far_ns, message.decode())
            if nearest.keys() == self._cameras.keys() and message.log_ns >= log_ns:
                return joined([decode_image(nearest[topic][1]) for topic in self._cameras])
        if nearest.keys() == self._cameras.keys():
            return joined([decode_image(nearest[topic][1]) for topic in self._cameras])
        raise RecordingError(
            f"{self._bag.path}: its last frame was there a moment ago: is it still being written?"
        )

    def _show(self, topic: str, at_ns: int, data: bytes, on_frame: OnFrame) -> None:
        fault = self._at_fault.get(topic)
        shown = data if fault is None else fault.shown(at_ns, data)
        if shown is None:
            return
        self.frames += topic == self._survey.camera
        self.late_ms.append((self.time_ns() - at_ns) * 1e-6 / self._rate)
        self.publish_clock()  # no frame may come before its time
        stamp_ns, at_fault = stamp_of(shown), fault is not None and fault.is_at_fault(at_ns)
        on_frame(stamp_ns, None if at_fault else at_ns - stamp_ns)
        self._cameras[topic].publish(shown)

    def _spin_until(self, at_ns: int, spin: Callable[[float], None]) -> None:
        while (wait_s := (at_ns - self.time_ns()) * 1e-9 / self._rate) > 0.0:
            spin(min(wait_s, CLOCK_S))


def _corrupt(kind: type, data: bytes) -> bytes:
    message: Any = deserialize_message(data, kind)
    message.data = message.data[: len(message.data) // 2]
    return serialize_message(message)


def transport(bag: Bag, survey: Survey, profile: RobotProfile) -> str:
    """How the bag's cameras come, as the parameter `image_transport` takes it; RecordingError where it cannot."""
    found = [_transport(bag, topic) for topic in survey.cameras]
    if len(set(found)) == 1:
        return found[0]
    if found == [camera.transport for camera in profile.cameras]:
        return ""
    raise RecordingError(
        f"{bag.path}: {', '.join(survey.cameras)} come as {', '.join(found)}: write these transports into the "
        "profile's `cameras`"
    )


def _transport(bag: Bag, topic: str) -> str:
    return "compressed" if bag.topics[topic].endswith("CompressedImage") else "raw"
