"""The guard's commands to a robot that takes targets: measured places come in, commanded ones go out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from wm_ros.messages.command import fill_targets
from wm_ros.messages.pose import fill_position_and_quaternion, read_position_and_quaternion
from wm_ros.messages.stamp import fill_stamp, to_ns
from wm_ros.messages.state import read_joint_positions
from wm_ros.robots.profile import RobotProfile
from wm_ros.safety.commanded_target import CommandedTarget, Measured
from wm_ros.safety.guard import Guard
from wm_ros.safety.joint_target import Joints, joint_target
from wm_ros.safety.observation_gate import ClockReading
from wm_ros.safety.pose_target import Pose, pose_target
from wm_ros.safety.stop_reason import StopReason

Place = TypeVar("Place")
# From a state message: the place that it tells, None where it is about something else; ValueError where it is broken.
Read = Callable[[Any], "Place | None"]
# Writes a place, its frame and a stamp into a command message.
Fill = Callable[[Any, "Place", str, int], Any]


class TargetCommands(Generic[Place]):
    """Joins a guard and a commanded target; `update` and `before_tick` are called under the guard's lock."""

    def __init__(self, guard: Guard, target: CommandedTarget[Place], read: Read[Place], fill: Fill[Place]):
        self._guard, self._target = guard, target
        self._read, self._fill = read, fill
        guard.bound = target.bounded
        guard.blocking_reason = target.missing_state(ClockReading(0, 0))

    def update(self, message: Any, now: ClockReading) -> StopReason | None:
        """A message of the robot's state arrived; returns why it is refused."""
        try:
            place = self._read(message)
        except ValueError as error:
            return StopReason("invalid state", str(error), latches=False)
        if place is None:
            return None
        header = message.header
        measured = Measured(place, to_ns(header.stamp), header.frame_id)
        return self._target.update(measured, now, self._guard.options.future_tolerance_s)

    def before_tick(self, now: ClockReading) -> None:
        """Block the guard, or stop it, where the measured state requires it."""
        if not self._guard.publishing:
            self._target.reset()
        self._guard.blocking_reason = self._target.missing_state(now)
        # A target that left an old state behind says nothing about whether the robot follows.
        following_error = self._target.following_error() if self._guard.blocking_reason is None else None
        if following_error is not None:
            self._guard.stop(following_error)

    def fill(self, message: Any, velocity: Sequence[float], _: RobotProfile, stamp_ns: int) -> Any:
        """As `fill_command`, of a velocity [A]: the target that it leads to."""
        return self._fill(message, self._target.advance(velocity), self._target.frame, stamp_ns)

    def diagnostic_values(self, now: ClockReading) -> Mapping[str, object]:
        age_s = self._target.age_s(now)
        return {"state_age_s": "" if age_s is None else f"{age_s:.3f}"}


def target_commands(profile: RobotProfile, guard: Guard) -> TargetCommands[Any]:
    """The commands of a robot that takes poses or joint positions."""
    if profile.kind == "pose":
        return TargetCommands(guard, pose_target(profile), read_position_and_quaternion, _fill_pose)

    def read(message: Any) -> Joints | None:
        return read_joint_positions(message, profile)

    def fill(message: Any, place: Joints, frame: str, stamp_ns: int) -> Any:
        return fill_targets(message, place, profile, stamp_ns)

    return TargetCommands(guard, joint_target(profile), read, fill)


def _fill_pose(message: Any, place: Pose, frame: str, stamp_ns: int) -> Any:
    fill_position_and_quaternion(message, *place)
    message.header.frame_id = frame
    fill_stamp(message.header.stamp, stamp_ns)
    return message
