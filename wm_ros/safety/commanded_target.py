"""From velocities to commanded targets: begun where the robot is measured to be, and never far from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np

from wm_ros.robots.profile import RobotProfile
from wm_ros.safety.observation_gate import ClockReading, ObservationGate
from wm_ros.safety.stop_reason import StopReason

# Stamps this much older than the last mean that the robot's clock began anew.
RESTART_NS = 1_000_000_000

# Where a robot is or is told to be: a pose, or positions of joints.
Place = TypeVar("Place")


@dataclass(frozen=True)
class Measured(Generic[Place]):
    """A place that the robot reports, the frame it is in, and the stamp. Joints have no frame."""

    place: Place
    stamp_ns: int
    frame: str = ""


class Geometry(Protocol[Place]):
    """How places of one kind move and lie apart. what: how people call the robot's report of one."""

    what: str

    def advanced(self, place: Place, velocity: Sequence[float], period_s: float) -> Place:
        """The place after a period of a velocity [A]."""

    def following_error(self, target: Place, measured: Place) -> str | None:
        """How far the robot is from its target, in words; None while the leash allows it."""

    def bounded(self, velocity: Sequence[float], target: Place, measured: Place) -> Sequence[float]:
        """The part of a wanted velocity [A] that does not lead out of the range of targets."""


class CommandedTarget(Generic[Place]):
    """The place last commanded, and the one that a velocity makes of it.

    `update` takes the measured places. The first `advance` begins at the newest of them; each one moves the target by
    one period of its velocity, whatever the clock says, so that the targets, one period apart, have exactly the
    limiter's velocities and accelerations. Velocity zero repeats the same target to the bit.
    """

    def __init__(self, profile: RobotProfile, geometry: Geometry[Place]):
        if profile.command.leash is None:
            raise ValueError(f"profile {profile.name} is told velocities, not targets")
        self._geometry = geometry
        self._max_age_s = profile.command.leash.max_age_s
        self._topic = profile.required_state.topic
        self._period_s = 1.0 / profile.command.rate_hz
        self._gate = ObservationGate()
        self._measured: Measured[Place] | None = None
        self._target: Place | None = None
        self.frame = ""  # of target and measured places alike

    def update(
        self, measured: Measured[Place], now: ClockReading, future_tolerance_s: float
    ) -> StopReason | None:
        """Take a measured place; returns why it is refused. future_tolerance_s: how far its stamp may lie ahead."""
        what = self._geometry.what
        if self._target is not None and measured.frame != self.frame:
            text = (
                f"{what}s on {self._topic} were in frame {self.frame!r}, now {measured.frame!r}: "
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
            return StopReason(f"measured {what}", text, latches=False)
        self._measured = measured
        return None

    def age_s(self, now: ClockReading) -> float | None:
        """Age of the newest measured place by the later of two clocks; None without one."""
        return self._gate.age_s(now)

    def missing_state(self, now: ClockReading) -> StopReason | None:
        """Why there is no recent measured place, so that the robot must not move; None where there is one."""
        age_s, limit_s, what = self.age_s(now), self._max_age_s, self._geometry.what
        if age_s is None:
            return StopReason(
                f"no {what}", f"no measured {what} came on {self._topic}: is the driver up?", latches=False
            )
        if age_s <= limit_s:
            return None
        text = (
            f"{age_s:.2f} s on {self._topic} > command.leash.max_age_s {limit_s} s: is the driver up, does it stamp by "
            "the clock of this host?"
        )
        return StopReason(f"{what} too old", text, latches=False)

    def following_error(self) -> StopReason | None:
        """Why the robot is too far from its target; None while it follows, or nothing is commanded."""
        if self._target is None or self._measured is None:
            return None
        found = self._geometry.following_error(self._target, self._measured.place)
        if found is None:
            return None
        return StopReason(
            "robot does not follow",
            f"{found}: is it held, is its controller soft or not running? Then call ~/start",
        )

    def bounded(self, velocity: Sequence[float]) -> Sequence[float]:
        """The part of a wanted velocity [A] that does not lead out of the range of targets."""
        if self._measured is None:
            return velocity
        target = self._measured.place if self._target is None else self._target
        return self._geometry.bounded(velocity, target, self._measured.place)

    def advance(self, velocity: Sequence[float]) -> Place:
        """The target after a period of a velocity [A].

        ValueError for NaN or Inf; RuntimeError without a measured place.
        """
        if not np.isfinite(velocity).all():
            raise ValueError(f"velocity {np.asarray(velocity).tolist()} is not finite")
        if self._measured is None:
            raise RuntimeError(f"a target begins at a measured {self._geometry.what}, and there is none")
        if self._target is None:
            self.frame = self._measured.frame  # before the target: `update` compares it
            self._target = self._measured.place
        self._target = self._geometry.advanced(self._target, velocity, self._period_s)
        return self._target

    def reset(self) -> None:
        """Nothing is commanded any more: the next target begins where the robot is then."""
        self._target = None
