"""Observes what the live nodes make of a bag: how late, what the guard would have sent, and when it stopped."""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from trajectory_msgs.msg import JointTrajectory

from wm_ros.evaluation.replay.safety import GuardEvent, GuardTrace
from wm_ros.messages.cdr import stamp_of
from wm_ros.messages.places import CommandRates
from wm_ros.messages.stamp import to_ns
from wm_ros.robots.profile import RobotProfile
from wm_ros.ros.message_class import message_class
from wm_ros.runs.replay_player import MINIMAL_NODE

ALL = QoSProfile(depth=200, reliability=ReliabilityPolicy.RELIABLE)
MAX_FRAMES = 1000  # frames whose results may still come


class ReplayObserver(Node):
    """Latencies from the camera's stamp, the guard's commands and its states.

    latencies_ms: by "latent", "plan" and "command", in the order of arrival; a command is the first one after a plan.
    Each is the frame's age when it was recorded and what passed since it was shown, by the steady clock and as a
    subscriber sees it. `commands()`: of all playbacks.
    """

    def __init__(
        self, profile: RobotProfile, command_topic: str, time_ns: Callable[[], int], **node_options: Any
    ) -> None:
        super().__init__("replay_observer", **{**MINIMAL_NODE, **node_options})
        self._rates, self._time_ns = CommandRates(profile), time_ns
        self.components = len(profile.action)
        self.latencies_ms = {name: array("d") for name in ("latent", "plan", "command")}
        self.recorded_age_ms = array("d")
        self.command_times_ns, self.command_values = array("q"), array("d")
        self.guard_state, self.guard_clock_ns = "", 0
        self._shown: dict[int, int] = {}  # steady ns at which it would have been exposed, by stamp
        self._planned: int | None = None
        self._start_ns = 0
        self._events: list[GuardEvent] = []
        self._moving_s = array("d")
        for kind, topic, name in ((Image, "latent", "latent"), (JointTrajectory, "plan", "plan")):
            self.create_subscription(kind, topic, partial(self._on_made, name), ALL, raw=True)
        command = message_class(profile.command.type)
        self.create_subscription(command, command_topic, self._on_command, ALL)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, ALL)

    def begin(self, start_ns: int) -> None:
        """A playback begins now, at this time of the replay: forget the guard's events before."""
        self._start_ns = start_ns
        self._events = [GuardEvent(0.0, self.guard_state, "")]
        self._moving_s = array("d")
        self._shown.clear()
        self._planned = None

    def trace(self) -> GuardTrace:
        """What the guard did since `begin`."""
        return GuardTrace(tuple(self._events), self._moving_s, self.passed_s())

    def passed_s(self) -> float:
        """Seconds of the replay since `begin`."""
        return (self._time_ns() - self._start_ns) * 1e-9

    def on_frame_shown(self, stamp_ns: int, age_ns: int | None) -> None:
        """A frame goes out now, which was so old when it was recorded; None: latencies of it would mean nothing."""
        if age_ns is None:
            self._shown.pop(stamp_ns, None)
            return
        self.recorded_age_ms.append(age_ns * 1e-6)
        self._shown[stamp_ns] = time.monotonic_ns() - age_ns
        if len(self._shown) > MAX_FRAMES:
            del self._shown[next(iter(self._shown))]

    def commands(self) -> tuple[np.ndarray, np.ndarray]:
        """Times [K] ns of the replay and vectors [K, A] of what the guard would have sent."""
        times = np.array(self.command_times_ns, dtype=np.int64)
        return times, np.array(self.command_values).reshape(len(times), self.components)

    def _on_made(self, name: str, data: bytes) -> None:
        shown_ns = self._shown.get(stamp_of(data))
        if shown_ns is None:
            return
        self.latencies_ms[name].append((time.monotonic_ns() - shown_ns) * 1e-6)
        if name == "plan":
            self._planned = shown_ns

    def _on_command(self, message: Any) -> None:
        now_ns = self._time_ns()
        vector = self._rates(message, now_ns)
        self.command_times_ns.append(now_ns)
        self.command_values.extend(vector)
        if vector.any():
            self._moving_s.append(self.passed_s())
        if self._planned is not None and self.guard_state == "active":
            self.latencies_ms["command"].append((time.monotonic_ns() - self._planned) * 1e-6)
            self._planned = None

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name != "guard":
                continue
            values = {value.key: value.value for value in status.values}
            self.guard_clock_ns = to_ns(message.header.stamp)
            state = values.get("guard", "")
            if state and state != self.guard_state:
                self.guard_state = state
                self._events.append(GuardEvent(self.passed_s(), state, values.get("reason", "")))
