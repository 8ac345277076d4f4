"""Bounded exploratory motion: what a robot does while it is recorded for training."""

from __future__ import annotations

import numpy as np

from wm_ros.messages.plan import Plan
from wm_ros.robots.profile import RobotProfile

PAUSE_SHARE = 0.15  # the model must have seen what standing still looks like
SEGMENT_S = (0.3, 2.5)
PLAN_PERIODS = 2.5


class Exploration:
    """Random rates held for random times, turned back before any component strays too far from the start.

    The excursion is dead-reckoned from the commanded rates, so it needs no robot state:
    `|integral of component| <= max_excursion` (unit of the component times seconds).
    """

    def __init__(self, profile: RobotProfile, generator: np.random.Generator, max_excursion: float) -> None:
        if not max_excursion > 0.0:
            raise ValueError(f"max_excursion must be greater than 0, got {max_excursion}")
        self._profile, self._generator, self._bound = profile, generator, max_excursion
        self._travelled = np.zeros(len(profile.action))
        self._rate = np.zeros(len(profile.action))
        self._left_s = 0.0

    def step(self, dt: float) -> np.ndarray:
        """The rates [A] to command for the next `dt` seconds."""
        if self._left_s <= 0.0:
            self._rate = self._draw()
            self._left_s = self._generator.uniform(*SEGMENT_S)
        outward = np.abs(self._travelled + self._rate * dt) > self._bound
        self._rate = np.where(outward & (self._rate * self._travelled > 0.0), -self._rate, self._rate)
        # Turned back it may still be too fast for the room there is.
        nearest, farthest = (-self._bound - self._travelled) / dt, (self._bound - self._travelled) / dt
        self._rate = self._rate.clip(nearest, farthest).clip(self._profile.low, self._profile.high)
        self._travelled += self._rate * dt
        self._left_s -= dt
        return self._rate.copy()

    def plan(self, stamp_ns: int, dt: float) -> Plan:
        """The next `dt` seconds as a plan made from the frame with this stamp."""
        return held_plan(stamp_ns, self._profile.names, self.step(dt), dt)

    def _draw(self) -> np.ndarray:
        if self._generator.uniform() < PAUSE_SHARE:
            return np.zeros_like(self._rate)
        speed = self._generator.uniform(0.05, 1.0, size=self._rate.shape)
        # The longer side of unequal limits is drawn more often: a base that is slow backwards mostly drives ahead.
        share = self._profile.high / (self._profile.high - self._profile.low)
        forward = self._generator.uniform(size=self._rate.shape) < share
        return speed * np.where(forward, self._profile.high, self._profile.low)


def held_plan(stamp_ns: int, names: tuple[str, ...], rates: np.ndarray, dt: float) -> Plan:
    """Rates [A] for `dt` seconds as a plan made from the frame with this stamp; it ends at rest, somewhat later.

    It outlasts `dt` as a planner's plan does, so that a late frame does not stop the robot.
    """
    points = np.stack([rates, np.zeros_like(rates)])
    return Plan(stamp_ns, names, points, np.array([0.0, PLAN_PERIODS * dt]))
