"""A planner and a robot's ear around a guard node, on real topics."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.qos import QoSProfile, ReliabilityPolicy
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from wm_ros.messages.command import read_command
from wm_ros.messages.plan import Plan, fill_plan
from wm_ros.nodes.guard_node import GuardNode
from wm_ros.robots.profile import RobotProfile, load_profile
from wm_ros.ros.message_class import message_class
from wm_ros.ros.qos import LATCHED, PLAN

KEEP_EVERYTHING = QoSProfile(depth=10_000, reliability=ReliabilityPolicy.RELIABLE)
OBSERVATION_AGE_S = 0.05


def profile_file(folder: Path, changes: Mapping[str, Any] | None = None, **component: Any) -> Path:
    """The arm's profile with other entries, and each component with other values."""
    data = load_profile("arm").to_dict()
    for name, value in (changes or {}).items():
        data[name] = {**data[name], **value} if isinstance(value, dict) else value
    for part in data["action"]:
        part.update(component)
    path = folder / "robot.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


# A command is at a rate that is no further off, in SI units.
AT_RATE = 1e-2


class Rig:
    """Publishes plans at 20 Hz while `rates` is set, keeps every command with its time of arrival."""

    def __init__(self, ros: Any, profile: RobotProfile | None = None):
        self.ros = ros
        self.profile = profile or load_profile("arm")
        self.rates: np.ndarray | None = None
        self.stamp_ns: int | None = None  # set: a picture that stays the same
        self.commands: list[np.ndarray] = []
        self.messages: list[Any] = []
        self.times_s: list[float] = []
        self.listen()
        self.statuses = ros.collect(DiagnosticArray, "/guard/status", LATCHED)
        self.plans = ros.node.create_publisher(JointTrajectory, "plan", PLAN)
        ros.node.create_timer(0.05, self._plan)

    def listen(self) -> None:
        """Be the robot's driver."""
        command = self.profile.command
        kind = message_class(command.type)
        self.ear = self.ros.node.create_subscription(kind, command.topic, self._on_command, KEEP_EVERYTHING)

    def plan(self, rates: Any, age_s: float = OBSERVATION_AGE_S, length_s: float = 1.0) -> JointTrajectory:
        now_ns = self.ros.node.get_clock().now().nanoseconds
        stamp_ns = self.stamp_ns or now_ns - round(age_s * 1e9)
        rates = np.asarray(rates, dtype=float)
        plan = Plan(stamp_ns, self.profile.names, [rates, 0 * rates], [0.0, length_s])
        return fill_plan(JointTrajectory(), plan, JointTrajectoryPoint)

    def call(self, name: str) -> Trigger.Response:
        return self.ros.call(Trigger, f"/guard/{name}")

    def start(self) -> None:
        """~/start, once the guard has found this driver: the two find each other in their own time."""

        def answered() -> Trigger.Response | None:
            answer = self.call("start")
            return None if answer.message.startswith("nobody listens") else answer

        answer = self.ros.until(answered, "the guard to find the robot's driver")
        assert answer.success, answer.message

    def move(self, rates: Any = (1.0, -0.5)) -> None:
        """Started, planning, and at the planned rates."""
        self.start()
        self.rates = np.array(rates)
        self.until_at(self.rates)

    def until_at(self, rates: Any) -> None:
        self.ros.until(
            lambda: self.commands and np.allclose(self.commands[-1], rates, atol=AT_RATE),
            f"the command {rates}",
        )

    def until_status(self, text: str) -> str:
        """The message of a status with this text in its message or figures."""

        def found() -> str:
            texts = [_text(status) for array in self.statuses for status in array.status]
            return next((message for message in texts if text in message), "")

        return self.ros.until(found, f"a status with {text!r}")

    def until_silent(self, quiet_s: float = 0.5) -> None:
        """No command for a while, in which the executor has looked for one many times."""
        assert self.commands
        count = looks = 0

        def silent() -> bool:
            nonlocal count, looks
            looks = looks + 1 if len(self.commands) == count else 0
            count = len(self.commands)
            return looks > 10 and time.monotonic() - self.times_s[-1] > quiet_s

        self.ros.until(silent, "silence")

    def check_stop(self, hold_s: float = 1.0) -> None:
        """What is recorded ends with a ramp within the limits and then the zeros of the hold.

        A busy executor receives them late, so that they are counted; a busy machine skips some, so that they may also
        be as long on the way as the hold.
        """
        self.check_limits()
        commands = np.array(self.commands)
        moving = np.flatnonzero(commands.any(axis=1))[-1]
        # On the way to its rates the robot may have been a last step short of them, see `until_at`.
        assert (np.diff(abs(commands[moving - 2 :]), axis=0) <= AT_RATE).all()
        zeros = len(commands) - 1 - moving
        assert zeros, "the last command moves the robot"
        held_s = self.times_s[-1] - self.times_s[moving + 1]
        enough = zeros >= 0.4 * hold_s * self.profile.command.rate_hz or held_s >= 0.8 * hold_s
        assert enough, (hold_s, held_s, commands[moving - 2 :])

    def check_limits(self) -> None:
        """Velocity and acceleration at the nominal rate, from rest to rest."""
        commands = np.array([np.zeros(len(self.profile.action)), *self.commands])
        change = self.profile.max_acceleration / self.profile.command.rate_hz * (1 + 1e-6)
        assert (commands >= self.profile.low).all()
        assert (commands <= self.profile.high).all()
        assert (abs(np.diff(commands, axis=0)) <= change).all()

    def _plan(self) -> None:
        if self.rates is not None:
            self.plans.publish(self.plan(self.rates))

    def _on_command(self, message: Any) -> None:
        self.messages.append(message)
        self.commands.append(self._read(message))
        self.times_s.append(time.monotonic())

    def _read(self, message: Any) -> np.ndarray:
        return read_command(message, self.profile)


def _text(status: Any) -> str:
    return "; ".join([status.message, *(f"{value.key}={value.value}" for value in status.values)])


def guard(ros, **parameters):
    """An active guard that may move the robot."""
    return ros.start(GuardNode, {"autostart": True, "enable_control": True, **parameters})
