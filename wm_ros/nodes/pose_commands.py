"""The guard's commands to a robot that takes poses: where it is comes in, where it is told to be goes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from geometry_msgs.msg import PoseStamped

from wm_ros.messages.pose import fill_place, read_place
from wm_ros.messages.stamp import fill_stamp, to_ns
from wm_ros.robots.profile import RobotProfile
from wm_ros.safety.guard import Guard
from wm_ros.safety.observation_gate import Now
from wm_ros.safety.pose_target import PoseTarget
from wm_ros.safety.stop import Stop


class PoseCommands:
    """Joins a guard and a pose target; `measured` and `before_tick` are called under the guard's lock."""

    def __init__(self, profile: RobotProfile, guard: Guard):
        self._guard = guard
        self._target = PoseTarget(profile)
        guard.hindrance = Stop(
            "no pose", f"no measured pose came on {profile.required_state.topic} yet", latches=False
        )

    def measured(self, message: PoseStamped, now: Now) -> Stop | None:
        """The robot's pose arrived; returns why it does not count."""
        try:
            position, quaternion = read_place(message)
        except ValueError as error:
            return Stop("invalid pose", str(error), latches=False)
        header, ahead_s = message.header, self._guard.options.future_tolerance_s
        return self._target.measured(position, quaternion, header.frame_id, to_ns(header.stamp), now, ahead_s)

    def before_tick(self, now: Now) -> None:
        """Tell the guard what the robot's pose says against moving."""
        if not self._guard.publishing:
            self._target.forget()
        self._guard.hindrance = self._target.unknown(now)
        # A target that left an old pose behind says nothing about whether the robot follows.
        strayed = self._target.strayed() if self._guard.hindrance is None else None
        if strayed is not None:
            self._guard.stop(strayed)

    def fill(
        self, message: PoseStamped, velocity: Sequence[float], _: RobotProfile, stamp_ns: int
    ) -> PoseStamped:
        """As `fill_command`, of a velocity [6]: the pose that it leads to."""
        fill_place(message, *self._target.advance(velocity))
        message.header.frame_id = self._target.frame
        fill_stamp(message.header.stamp, stamp_ns)
        return message

    def figures(self, now: Now) -> Mapping[str, object]:
        age_s = self._target.age_s(now)
        return {"pose_age_s": "" if age_s is None else f"{age_s:.3f}"}
