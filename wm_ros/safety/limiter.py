"""Velocity commands within velocity, acceleration and jerk limits, as a sequence that is published."""

from __future__ import annotations

import math

import numpy as np

from wm_ros.robots.profile import RobotProfile


class Limiter:
    """The velocity [A] last published, and the next one that the profile's limits allow.

    A step may use the time since the step before, but never more than one period: a late step does not catch
    up, an early one gets less. So velocity and acceleration hold both at the nominal rate and by the clock.
    Acceleration is the change of velocity by that time, jerk the change of acceleration by it.

    `track` keeps all three limits. `brake` keeps velocity and acceleration but not jerk: a stop that first
    had to let the acceleration swing round would be longer, and could pass through zero into reverse.
    """

    def __init__(self, profile: RobotProfile, period_s: float):
        self._low, self._high = profile.low, profile.high
        self._max_acceleration, self._max_jerk = profile.max_acceleration, profile.max_jerk
        bounds = (profile.low, profile.high, profile.max_acceleration, profile.max_jerk)
        self._limits = list(zip(*(bound.tolist() for bound in bounds), strict=True))
        self._period_s = period_s
        self.reset()

    @property
    def velocity(self) -> np.ndarray:
        """The velocity last returned, [A]."""
        return self._velocity

    @property
    def at_rest(self) -> bool:
        return not self._velocity.any()

    def reset(self) -> None:
        """At rest from now on: only for a robot that does stand still."""
        self._velocity = np.zeros_like(self._low)
        self._acceleration = np.zeros_like(self._low)

    def track(self, target: np.ndarray, dt_s: float) -> np.ndarray:
        """One step towards a wanted velocity [A], `dt_s` after the step before; ValueError for NaN or Inf."""
        if not np.isfinite(target).all():
            raise ValueError(f"wanted velocity {np.asarray(target).tolist()} is not finite")
        dt = min(dt_s, self._period_s)
        if dt <= 0.0:
            return self._velocity
        now = zip(self._velocity.tolist(), self._acceleration.tolist(), self._limits, strict=True)
        steps = [
            _towards(wanted, *one, dt) for wanted, one in zip(np.asarray(target).tolist(), now, strict=True)
        ]
        self._velocity = np.array([velocity for velocity, _ in steps])
        self._acceleration = np.array([acceleration for _, acceleration in steps])
        return self._velocity

    def brake(self, dt_s: float) -> np.ndarray:
        """One step of a stop, to exact zero: components fall in proportion, so the robot stays on its path.

        It takes as long as the component that needs longest at its max_acceleration.
        """
        dt = min(dt_s, self._period_s)
        if dt <= 0.0:
            return self._velocity
        stop_s = float((abs(self._velocity) / self._max_acceleration).max())
        if stop_s <= dt * (1.0 + 1e-12):  # rounding must not cost another step
            self.reset()
            return self._velocity
        velocity = self._step(-self._velocity / stop_s, dt)
        # Should `track` go on from here, it may end this acceleration fast enough not to pass through zero.
        reach = np.sqrt(2.0 * self._max_jerk * abs(velocity))
        self._acceleration = self._acceleration.clip(-reach, reach)
        return velocity

    def _step(self, acceleration: np.ndarray, dt: float) -> np.ndarray:
        self._acceleration = acceleration
        # The clip removes rounding only.
        self._velocity = (self._velocity + acceleration * dt).clip(self._low, self._high)
        return self._velocity


def _towards(
    target: float, velocity: float, acceleration: float, limits: tuple[float, float, float, float], dt: float
) -> tuple[float, float]:
    """Velocity and acceleration of one component after a step towards a wanted velocity.

    Plain numbers: on arrays of so few components most of the time would be numpy's own, fifty times a second.

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
