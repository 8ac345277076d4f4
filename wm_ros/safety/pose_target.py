"""From end-effector velocities to commanded poses: begun at the measured pose, and never far from it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from transforms3d.quaternions import axangle2quat, qconjugate, qmult

from wm_ros.robots.components import Leash
from wm_ros.robots.profile import RobotProfile
from wm_ros.safety.observation_gate import ClockReading, ObservationGate
from wm_ros.safety.stop_reason import StopReason

# Stamps this much older than the last mean that the robot's clock began anew.
RESTART_NS = 1_000_000_000


class MeasuredPose(NamedTuple):
    """A pose that the robot reports: position [3] in m, quaternion [4], w first, the frame they are in, the stamp."""

    position: np.ndarray
    quaternion: np.ndarray
    frame: str
    stamp_ns: int


class PoseTarget:
    """The pose last commanded, and the one that a velocity makes of it; positions [3] in m, quaternions [4], w first.

    `update` takes the measured poses. The first `advance` begins at the newest of them; each one moves the target by
    one period of its velocity, whatever the clock says, so that the poses, one period apart, have exactly the
    limiter's velocities and accelerations. Velocity zero repeats the same pose to the bit.
    """

    def __init__(self, profile: RobotProfile):
        if profile.command.leash is None or profile.state is None:
            raise ValueError(
                f"profile {profile.name} does not take poses: its command is {profile.command.type}"
            )
        self._leash: Leash = profile.command.leash
        self._topic = profile.state.topic
        self._period_s = 1.0 / profile.command.rate_hz
        self._gate = ObservationGate()
        self._measured: MeasuredPose | None = None
        self._target: tuple[np.ndarray, np.ndarray] | None = None
        self.frame = ""  # of target and measured poses alike

    def update(
        self, measured: MeasuredPose, now: ClockReading, future_tolerance_s: float
    ) -> StopReason | None:
        """Take a measured pose; returns why it is refused. future_tolerance_s: how far its stamp may lie ahead."""
        if self._target is not None and measured.frame != self.frame:
            text = (
                f"poses on {self._topic} were in frame {self.frame!r}, now {measured.frame!r}: "
                "are there two drivers?"
            )
            return StopReason("frame changed", text, latches=False)
        if self._measured is not None and measured.stamp_ns < self._measured.stamp_ns - RESTART_NS:
            self._gate.reset()
        refusal = self._gate.admit(measured.stamp_ns, now, future_tolerance_s)
        if refusal is not None:
            text = (
                f"on {self._topic}, {refusal.name}: synchronise the clocks of robot and guard, use one driver"
            )
            return StopReason("measured pose", text, latches=False)
        self._measured = measured
        return None

    def age_s(self, now: ClockReading) -> float | None:
        """Age of the newest measured pose by the later of two clocks; None without one."""
        return self._gate.age_s(now)

    def missing_pose(self, now: ClockReading) -> StopReason | None:
        """Why there is no recent measured pose, so that the robot must not move; None where there is one."""
        age_s, limit_s = self.age_s(now), self._leash.max_age_s
        if age_s is None:
            return StopReason(
                "no pose", f"no measured pose came on {self._topic}: is the driver up?", latches=False
            )
        if age_s <= limit_s:
            return None
        text = (
            f"{age_s:.2f} s on {self._topic} > command.leash.max_age_s {limit_s} s: is the driver up, does it stamp by "
            "the clock of this host?"
        )
        return StopReason("pose too old", text, latches=False)

    def following_error(self) -> StopReason | None:
        """Why the robot is too far from its target; None while it follows, or nothing is commanded."""
        if self._target is None or self._measured is None:
            return None
        position, quaternion = self._measured.position, self._measured.quaternion
        off_m = float(np.linalg.norm(self._target[0] - position))
        off_rad = angle(quaternion, self._target[1])
        leash = self._leash
        if off_m <= leash.position_m and off_rad <= leash.rotation_rad:
            return None
        return StopReason(
            "robot does not follow",
            f"it is {off_m:.3f} m and {off_rad:.2f} rad from its target, command.leash allows {leash.position_m} m and "
            f"{leash.rotation_rad} rad: is it held, is its controller soft or not running? Then call ~/start",
        )

    def advance(self, velocity: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
        """Position and quaternion after a period of a velocity [6]: m/s, then rad/s about the base's axes.

        ValueError for NaN or Inf; RuntimeError without a measured pose.
        """
        rates = np.asarray(velocity)
        if not np.isfinite(rates).all():
            raise ValueError(f"velocity {rates.tolist()} is not finite")
        if self._measured is None:
            raise RuntimeError("a target begins at a measured pose, and there is none")
        if self._target is None:
            self.frame = self._measured.frame  # before the target: `update` compares it
            self._target = self._measured.position, self._measured.quaternion
        position, quaternion = self._target
        position = position + rates[:3] * self._period_s
        turn = rates[3:] * self._period_s
        turned = float(np.linalg.norm(turn))
        if turned:
            quaternion = qmult(axangle2quat(turn, turned), quaternion)
            quaternion = quaternion / np.linalg.norm(quaternion)
        self._target = position, quaternion
        return self._target

    def reset(self) -> None:
        """Nothing is commanded any more: the next target begins where the robot is then."""
        self._target = None


def angle(one: np.ndarray, other: np.ndarray) -> float:
    """Radians from 0 to pi by which one unit quaternion [4] is turned against another."""
    between = qmult(other, qconjugate(one))
    return 2.0 * math.atan2(float(np.linalg.norm(between[1:])), abs(float(between[0])))
