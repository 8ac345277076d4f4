"""How PushT is recorded: a disc that mostly goes for the block, so that the block moves in about half of the steps."""

from __future__ import annotations

import numpy as np

from wm_ros.robots.profile import RobotProfile
from wm_ros.tasks.pusht import block_centre

PUSHING_SHARE = 0.85  # of episodes; in the others the disc just goes about
# What a pusher does next: go to and past a point near the block's centre, round the block, or away from it.
PAST_SHARE, ROUND_SHARE = 0.49, 0.26
AIM_SPREAD_M = 0.028
PAST_M = (0.010, 0.110)
ROUND_M, AWAY_M = 0.095, (0.080, 0.150)
EDGE_M, TABLE_M = 0.025, 0.512
REACHED_M = 0.012
LEG_S = (0.6, 2.0)
SPEED_SHARE = (0.4, 1.0)
SLOW_DOWN = 8.0  # m/s per m from the target
# Ornstein-Uhlenbeck noise on the velocity, for steps of 0.1 s.
NOISE_KEPT, NOISE_SHARE = 0.8, 0.11


class Pushes:
    """Velocities of one episode, decided from where disc and block are."""

    def __init__(self, profile: RobotProfile, generator: np.random.Generator) -> None:
        self._profile, self._generator = profile, generator
        self._pushes = generator.uniform() < PUSHING_SHARE
        self._speed_limit = float(profile.high.min())
        self._target, self._noise = np.zeros(2), np.zeros(2)
        self._left_s = 0.0

    def __call__(self, positions: np.ndarray, dt: float) -> np.ndarray:
        """The velocity [2] m/s for the next `dt` seconds in a state [5]."""
        agent = positions[:2]
        if self._left_s <= 0.0 or np.linalg.norm(self._target - agent) < REACHED_M:
            self._target = self._draw_target(agent, block_centre(positions)).clip(EDGE_M, TABLE_M - EDGE_M)
            self._speed = self._speed_limit * self._generator.uniform(*SPEED_SHARE)
            self._left_s = self._generator.uniform(*LEG_S)
        self._left_s -= dt
        way = self._target - agent
        distance = float(np.linalg.norm(way)) + 1e-9
        velocity = way / distance * min(SLOW_DOWN * distance, self._speed)
        kept = NOISE_KEPT ** (dt / 0.1)
        spread = NOISE_SHARE * self._speed_limit * np.sqrt((1.0 - kept**2) / (1.0 - NOISE_KEPT**2))
        self._noise = kept * self._noise + self._generator.normal(0.0, spread, size=2)
        noisy: np.ndarray = velocity + self._noise
        return noisy.clip(self._profile.low, self._profile.high)

    def _draw_target(self, agent: np.ndarray, centre: np.ndarray) -> np.ndarray:
        if not self._pushes:
            return self._generator.uniform(0.0, TABLE_M, size=2)
        what = self._generator.uniform()
        if what < PAST_SHARE:
            aim = centre + self._generator.normal(0.0, AIM_SPREAD_M, size=2)
            ahead = (aim - agent) / (np.linalg.norm(aim - agent) + 1e-9)
            past: np.ndarray = aim + ahead * self._generator.uniform(*PAST_M)
            return past
        radius = ROUND_M if what < PAST_SHARE + ROUND_SHARE else self._generator.uniform(*AWAY_M)
        angle = self._generator.uniform(-np.pi, np.pi)
        return centre + radius * np.array([np.cos(angle), np.sin(angle)])
