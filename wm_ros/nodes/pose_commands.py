"""The guard's commands to a robot that takes poses: measured poses come in, commanded poses go out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from geometry_msgs.msg import PoseStamped

from wm_ros.messages.pose import fill_position_and_quaternion, read_position_and_quaternion
from wm_ros.messages.stamp import fill_stamp, to_ns
from wm_ros.robots.profile import RobotProfile
from wm_ros.safety.guard import Guard
from wm_ros.safety.observation_gate import ClockReading
from wm_ros.safety.pose_target import MeasuredPose, PoseTarget
from wm_ros.safety.stop_reason import StopReason


class PoseCommands:
    """Joins a guard and a pose target; `update_pose` and `before_tick` are called under the guard's lock."""

    def __init__(self, profile: RobotProfile, guard: Guard):
        self._guard = guard
        self._target = PoseTarget(profile)
        guard.blocking_reason = StopReason(
            "no pose", f"no measured pose came on {profile.required_state.topic} yet", latches=False
        )

    def update_pose(self, message: PoseStamped, now: ClockReading) -> StopReason | None:
        """A measured pose arrived; returns why it is refused."""
        try:
            position, quaternion = read_position_and_quaternion(message)
        except ValueError as error:
            return StopReason("invalid pose", str(error), latches=False)
        header = message.header
        measured = MeasuredPose(position, quaternion, header.frame_id, to_ns(header.stamp))
        return self._target.update(measured, now, self._guard.options.future_tolerance_s)

    def before_tick(self, now: ClockReading) -> None:
        """Block the guard, or stop it, where the measured pose requires it."""
        if not self._guard.publishing:
            self._target.reset()
        self._guard.blocking_reason = self._target.missing_pose(now)
        # A target that left an old pose behind says nothing about whether the robot follows.
        following_error = self._target.following_error() if self._guard.blocking_reason is None else None
        if following_error is not None:
            self._guard.stop(following_error)

    def fill(
        self, message: PoseStamped, velocity: Sequence[float], _: RobotProfile, stamp_ns: int
    ) -> PoseStamped:
        """As `fill_command`, of a velocity [6]: the pose that it leads to."""
        fill_position_and_quaternion(message, *self._target.advance(velocity))
        message.header.frame_id = self._target.frame
        fill_stamp(message.header.stamp, stamp_ns)
        return message

    def diagnostic_values(self, now: ClockReading) -> Mapping[str, object]:
        age_s = self._target.age_s(now)
        return {"pose_age_s": "" if age_s is None else f"{age_s:.3f}"}
