"""Velocity commands within velocity, acceleration and jerk limits, as a sequence that is published."""

from __future__ import annotations

import math
from collections.abc import Sequence

from wm_ros.robots.profile import RobotProfile


class Limiter:
    """The velocity [A] last published, and the next one that the profile's limits allow.

    A step may use the time since the step before, but never more than one period: a late step does not catch
    up, an early one gets less. So velocity and acceleration hold both at the nominal rate and by the clock.
    Acceleration is the change of velocity by that time, jerk the change of acceleration by it.

    Plain numbers: numpy is gone from the caches whenever a guard wakes, and would take most of its time.

    `track` keeps all three limits. `brake` keeps velocity and acceleration but not jerk: a stop that first
    had to let the acceleration swing round would be longer, and could pass through zero into reverse.
    """

    def __init__(self, profile: RobotProfile, period_s: float):
        bounds = (profile.low, profile.high, profile.max_acceleration, profile.max_jerk)
        self._limits = list(zip(*(bound.tolist() for bound in bounds), strict=True))
        self._period_s = period_s
        self.reset()

    @property
    def velocity(self) -> tuple[float, ...]:
        """The velocity last returned, [A]."""
        return self._velocity

    @property
    def at_rest(self) -> bool:
        return not any(self._velocity)

    def reset(self) -> None:
        """At rest from now on: only for a robot that does stand still."""
        self._velocity = self._acceleration = (0.0,) * len(self._limits)

    def track(self, target: Sequence[float], dt_s: float) -> tuple[float, ...]:
        """One step towards a wanted velocity [A], `dt_s` after the step before; ValueError for NaN or Inf."""
        if not all(map(math.isfinite, target)):
            raise ValueError(f"wanted velocity {list(target)} is not finite")
        dt = min(dt_s, self._period_s)
        if dt > 0.0:
            now = zip(target, self._velocity, self._acceleration, self._limits, strict=True)
            self._velocity, self._acceleration = zip(*(_towards(*one, dt) for one in now), strict=True)
        return self._velocity

    def brake(self, dt_s: float) -> tuple[float, ...]:
        """One step of a stop, to exact zero: components fall in proportion, so the robot stays on its path.

        It takes as long as the component that needs longest at its max_acceleration.
        """
        dt = min(dt_s, self._period_s)
        if dt <= 0.0:
            return self._velocity
        now = list(zip(self._velocity, self._limits, strict=True))
        stop_s = max(abs(velocity) / max_acceleration for velocity, (_, _, max_acceleration, _) in now)
        if stop_s <= dt * (1.0 + 1e-12):  # rounding must not cost another step
            self.reset()
        else:
            self._velocity, self._acceleration = zip(*(_braked(*one, stop_s, dt) for one in now), strict=True)
        return self._velocity


def _towards(
    target: float, velocity: float, acceleration: float, limits: tuple[float, float, float, float], dt: float
) -> tuple[float, float]:
    """Velocity and acceleration of one component after a step towards a wanted velocity.

    The acceleration wanted is the greatest after which jerk alone can still end it within the missing distance:
    it solves `a * dt + a^2 / (2 jerk) = distance`. Ending an acceleration in steps of any length takes less than
    `a^2 / (2 jerk)`, so once kept this can be kept at every later step, whatever its time. As targets lie within
    the limits, and new ones can only ask for a turn away from a limit, the velocity never runs into a limit with an
    acceleration that the jerk cannot end.
    """
    low, high, max_acceleration, max_jerk = limits
    missing = min(max(target, low), high) - velocity
    change = max_jerk * dt
    reach = 2.0 * max_jerk * abs(missing)
    wanted = math.copysign(
        min(reach / (change + math.sqrt(change * change + reach)), max_acceleration), missing
    )
    acceleration = min(max(wanted, acceleration - change), acceleration + change)
    # The bounds remove rounding only.
    return min(max(velocity + acceleration * dt, low), high), acceleration


def _braked(
    velocity: float, limits: tuple[float, float, float, float], stop_s: float, dt: float
) -> tuple[float, float]:
    """Velocity and acceleration of one component after a step of a stop that takes `stop_s`."""
    low, high, _, max_jerk = limits
    acceleration = -velocity / stop_s
    # The bounds remove rounding only.
    velocity = min(max(velocity + acceleration * dt, low), high)
    # Should `track` go on from here, it may end this acceleration fast enough not to pass through zero.
    reach = math.sqrt(2.0 * max_jerk * abs(velocity))
    return velocity, min(max(acceleration, -reach), reach)
