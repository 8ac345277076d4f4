"""How robots that push a thing are recorded: mostly they go for it, so that it moves in about half of the steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from wm_ros.robots.profile import RobotProfile

PUSHING_SHARE = 0.85  # of episodes; in the others the robot just goes about
# What a pusher does next: go to and past a point near the thing's centre, round the thing, or away from it.
PAST_SHARE, ROUND_SHARE = 0.49, 0.26
PAST_M = (0.010, 0.110)
ROUND_M, AWAY_M = 0.095, (0.080, 0.150)
REACHED_M = 0.012
LEG_S = (0.6, 2.0)
SPEED_SHARE = (0.4, 1.0)
SLOW_DOWN = 8.0  # m/s per m from the target
# Ornstein-Uhlenbeck noise on the velocity, for steps of 0.1 s.
NOISE_KEPT, NOISE_SHARE = 0.8, 0.11


@dataclass(frozen=True)
class PushSettings:
    """What pushes what, on which table.

    places(state [P]): positions [2] m of what pushes and of the thing's centre. low, high: corners [2] of the targets.
    aim_std_m: of the points aimed at, from that centre. speed_m_s: of the fastest pushes. command(state, velocity
    [2] m/s): the command [A] that moves what pushes so.
    """

    places: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
    low: np.ndarray
    high: np.ndarray
    aim_std_m: float
    speed_m_s: float
    command: Callable[[np.ndarray, np.ndarray], np.ndarray]


class Pushes:
    """Commands of one episode, decided from where the robot and the thing are."""

    def __init__(self, settings: PushSettings, profile: RobotProfile, generator: np.random.Generator) -> None:
        self._settings, self._profile, self._generator = settings, profile, generator
        self._pushes = generator.uniform() < PUSHING_SHARE
        self._target, self._noise = np.zeros(2), np.zeros(2)
        self._left_s = 0.0

    def __call__(self, positions: np.ndarray, dt: float) -> np.ndarray:
        """The command [A] for the next `dt` seconds in a state [P]."""
        robot, thing = self._settings.places(positions)
        if self._left_s <= 0.0 or np.linalg.norm(self._target - robot) < REACHED_M:
            self._target = self._draw_target(robot, thing).clip(self._settings.low, self._settings.high)
            self._speed = self._settings.speed_m_s * self._generator.uniform(*SPEED_SHARE)
            self._left_s = self._generator.uniform(*LEG_S)
        self._left_s -= dt
        way = self._target - robot
        distance = float(np.linalg.norm(way)) + 1e-9
        velocity = way / distance * min(SLOW_DOWN * distance, self._speed)
        kept = NOISE_KEPT ** (dt / 0.1)
        std = NOISE_SHARE * self._settings.speed_m_s * np.sqrt((1.0 - kept**2) / (1.0 - NOISE_KEPT**2))
        self._noise = kept * self._noise + self._generator.normal(0.0, std, size=2)
        noisy = self._settings.command(positions, velocity + self._noise)
        return noisy.clip(self._profile.low, self._profile.high)

    def _draw_target(self, robot: np.ndarray, thing: np.ndarray) -> np.ndarray:
        if not self._pushes:
            return self._generator.uniform(self._settings.low, self._settings.high)
        what = self._generator.uniform()
        if what < PAST_SHARE:
            aim = thing + self._generator.normal(0.0, self._settings.aim_std_m, size=2)
            ahead = (aim - robot) / (np.linalg.norm(aim - robot) + 1e-9)
            past: np.ndarray = aim + ahead * self._generator.uniform(*PAST_M)
            return past
        radius = ROUND_M if what < PAST_SHARE + ROUND_SHARE else self._generator.uniform(*AWAY_M)
        angle = self._generator.uniform(-np.pi, np.pi)
        return thing + radius * np.array([np.cos(angle), np.sin(angle)])
