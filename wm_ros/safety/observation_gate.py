"""How old the picture behind a plan is, on two clocks, and whether the clocks can be believed."""

from __future__ import annotations

from typing import NamedTuple

from wm_ros.safety.stop_reason import StopReason


class ClockReading(NamedTuple):
    """Both clocks read at one moment, nanoseconds: ROS time of stamps, steady time that nobody can set."""

    ros_ns: int
    steady_ns: int


class ObservationGate:
    """Age of the newest observation: by its stamp in ROS time, and by steady time since it was first seen.

    Plans repeated with the same stamp do not refresh it: a planner that goes on with a frozen picture looks
    alive and is not. A ROS clock that stands still or is set back cannot keep an observation young, since the
    steady clock goes on, and a plan that arrives while it stands still is as old as that is long.
    """

    def __init__(self) -> None:
        self._last_reading: ClockReading | None = None
        self._ros_time_changed: ClockReading | None = None  # when ROS time was last seen to be another
        self.reset()

    def reset(self) -> None:
        """No observation yet, of any stamp."""
        self._stamp_ns: int | None = None
        self._first_seen: ClockReading | None = None
        self._age_at_arrival_ns = 0

    def clock_jump(self, now: ClockReading, limit_s: float) -> StopReason | None:
        """Compare both clocks' progress since the last call; call often, so that slow drift stays small."""
        last, self._last_reading = self._last_reading, now
        self._note_ros_time(now)
        if last is None or last.ros_ns <= 0:
            return None  # simulated time is 0 until the first clock message
        jump_s = ((now.ros_ns - last.ros_ns) - (now.steady_ns - last.steady_ns)) / 1e9
        if abs(jump_s) <= limit_s:
            return None
        return StopReason(
            "clock jump", f"ROS time jumped by {jump_s:+.2f} s > clock_jump_s {limit_s} s: call ~/start"
        )

    def admit(self, stamp_ns: int, now: ClockReading, future_tolerance_s: float) -> StopReason | None:
        """Take note of a plan's observation, or say why the plan must be dropped."""
        if now.ros_ns <= 0:
            return StopReason(
                "no ROS time", "use_sim_time is on and no /clock message came yet", latches=False
            )
        ahead_s = (stamp_ns - now.ros_ns) / 1e9
        if ahead_s > future_tolerance_s:
            return StopReason(
                "future stamp",
                f"observation is {ahead_s:.2f} s ahead > future_tolerance_s {future_tolerance_s} s: "
                "synchronise the clocks of camera and guard, and give all nodes the same use_sim_time",
            )
        if self._stamp_ns is not None and stamp_ns < self._stamp_ns:
            behind_s = (self._stamp_ns - stamp_ns) / 1e9
            text = f"observation is {behind_s:.2f} s older than the plan's before: are there two planners?"
            return StopReason("stamp going backwards", text, latches=False)
        self._note_ros_time(now)
        if stamp_ns != self._stamp_ns:
            self._stamp_ns, self._first_seen = stamp_ns, now
            standing_ns = (
                0 if self._ros_time_changed is None else now.steady_ns - self._ros_time_changed.steady_ns
            )
            self._age_at_arrival_ns = max(now.ros_ns - stamp_ns, 0) + standing_ns
        return None

    def age_s(self, now: ClockReading) -> float | None:
        """Age of the newest observation in seconds, the greater of both clocks'; None without one."""
        if self._stamp_ns is None or self._first_seen is None:
            return None
        by_stamp_ns = now.ros_ns - self._stamp_ns
        by_arrival_ns = self._age_at_arrival_ns + now.steady_ns - self._first_seen.steady_ns
        return max(by_stamp_ns, by_arrival_ns) / 1e9

    def _note_ros_time(self, now: ClockReading) -> None:
        if self._ros_time_changed is None or now.ros_ns != self._ros_time_changed.ros_ns:
            self._ros_time_changed = now

    def too_old(self, now: ClockReading, limit_s: float) -> StopReason | None:
        """Why the newest observation must not move a robot any more; None while it may."""
        age_s = self.age_s(now)
        if age_s is None:
            return StopReason(
                "no plan",
                "no valid plan came yet: is the planner active, with camera and goal?",
                latches=False,
            )
        if age_s <= limit_s:
            return None
        return StopReason(
            "observation too old",
            f"raise max_observation_age_s or speed up the planner: age {age_s:.2f} s > {limit_s:.2f} s",
            latches=False,
        )
