"""How the SO-101 is recorded: random rates of all joints, each segment of which ends before the arm hits anything."""

from __future__ import annotations

import numpy as np

from wm_ros.data.exploration import PAUSE_SHARE, SEGMENT_S
from wm_ros.robots.profile import RobotProfile
from wm_ros.tasks.so101_poses import clearance

SPEED_SHARE = (0.05, 1.0)
# Ahead of the arm, s: what it needs to stop, the frame it waits for included, and what lies before that.
AHEAD_S = (0.2, 0.35, 0.5)
TURN_S = 0.3  # before the end of its range a joint turns back
TRIES = 16
RAISE_S = 0.8  # time constant of raising the arm: to all angles zero, the gripper 0.2 m above the table


class Roaming:
    """Commands of one episode, decided from where the joints are.

    Rates are drawn as in other exploratory motion, until with them the arm is clear of table, base and itself for the
    next half second. Where none of a few is, the arm is raised.
    """

    def __init__(self, profile: RobotProfile, generator: np.random.Generator) -> None:
        self._profile, self._generator = profile, generator
        self._rates = np.zeros(len(profile.action))
        self._left_s = 0.0

    def __call__(self, positions: np.ndarray, dt: float) -> np.ndarray:
        """The rates [6] rad/s for the next `dt` seconds at joint angles [6] rad."""
        rates = self._turned(positions, self._rates)
        if self._left_s <= 0.0 or not _clear_ahead(positions, rates):
            rates = self._draw(positions)
            self._left_s = self._generator.uniform(*SEGMENT_S)
        self._rates = rates
        self._left_s -= dt
        now: np.ndarray = rates.copy()
        return now

    def _draw(self, positions: np.ndarray) -> np.ndarray:
        low, high = self._profile.low, self._profile.high
        for _ in range(TRIES):
            if self._generator.uniform() < PAUSE_SHARE:
                rates = np.zeros(len(low))
            else:
                ahead = self._generator.uniform(size=len(low)) < 0.5
                rates = np.where(ahead, high, low) * self._generator.uniform(*SPEED_SHARE, size=len(low))
            rates = self._turned(positions, rates)
            if _clear_ahead(positions, rates):
                return rates
        raising: np.ndarray = (-positions / RAISE_S).clip(low, high)
        return raising

    def _turned(self, positions: np.ndarray, rates: np.ndarray) -> np.ndarray:
        """The rates, turned back where a joint would leave its range."""
        then, clear = positions + TURN_S * rates, clearance()
        outward = ((then < clear.low) & (rates < 0.0)) | ((then > clear.high) & (rates > 0.0))
        turned: np.ndarray = np.where(outward, -rates, rates).clip(self._profile.low, self._profile.high)
        return turned


def _clear_ahead(positions: np.ndarray, rates: np.ndarray) -> bool:
    clear = clearance()
    return all(clear((positions + ahead_s * rates).clip(clear.low, clear.high)) for ahead_s in AHEAD_S)
