"""Starts and goals as published for such tasks: states of one recorded motion, 25 frames of 10 Hz apart."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np

from wm_ros.tasks.protocol import Motion, Simulator

PERIOD_S = 0.1
APART_STEPS = 25
EPISODE_STEPS = 80
SEEDS = 2**31 - 1


class GoalsAhead:
    """Moves a simulator of its own as when recording, and takes goals from where that leads.

    is_task(start, goal): whether there is something to do between them.
    """

    def __init__(
        self,
        simulator: Callable[[], Simulator],
        motion: Callable[[np.random.Generator], Motion],
        is_task: Callable[[np.ndarray, np.ndarray], bool],
    ) -> None:
        self._make, self._motion, self._is_task = simulator, motion, is_task
        self._way: list[np.ndarray] = []

    def draw_start(self, generator: np.random.Generator) -> np.ndarray:
        """A state [P] somewhere in a recorded episode, so early that a goal can follow."""
        self._simulator.reset(int(generator.integers(SEEDS)))
        self._move(generator, int(generator.integers(EPISODE_STEPS - APART_STEPS)))
        return self._simulator.positions

    def draw_goal(self, generator: np.random.Generator, positions: np.ndarray) -> np.ndarray | None:
        """A state [P] to which recorded motion leads from `positions` [P]; None when hardly anything changed."""
        self._simulator.place(positions)
        self._move(generator, APART_STEPS)
        goal = self._simulator.positions
        return goal if self._is_task(positions, goal) else None

    def way(self) -> np.ndarray:
        """The velocities [25, A] that led to the goal last drawn."""
        return np.array(self._way)

    @cached_property
    def _simulator(self) -> Simulator:
        return self._make()

    def _move(self, generator: np.random.Generator, steps: int) -> None:
        motion = self._motion(generator)
        self._way = []
        for _ in range(steps):
            self._way.append(motion(self._simulator.positions, PERIOD_S))
            self._simulator.step(self._way[-1], PERIOD_S)
