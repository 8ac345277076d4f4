"""The planner with the truth in place of a model: the simulator imagines, and the state itself is compared."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from wm_ros.messages.plan import Plan
from wm_ros.planning.bounds import bounds_of
from wm_ros.planning.options import PlannerOptions, planner_of
from wm_ros.planning.search import search
from wm_ros.planning.warm_start import shifted
from wm_ros.robots.profile import RobotProfile
from wm_ros.tasks.lockstep import MakePolicy
from wm_ros.tasks.protocol import Simulator, Task
from wm_ros.tasks.simulated import simulated, task_of


def oracle_policy(profile: RobotProfile) -> MakePolicy:
    """A policy that plans as a model's does, by true dynamics and the true distance from the goal.

    What it misses is the planner's: candidates, iterations, horizon. A plan takes as many steps of the simulator as all
    candidates of all iterations have together.
    """
    robot = simulated(profile)
    task, simulator = task_of(profile, robot), robot.simulator()

    def make_policy(number: int, goal_picture: np.ndarray) -> Oracle:
        return Oracle(profile, task, simulator, planner_of(profile), number)

    return make_policy


class Oracle:
    """One trial's policy; see `oracle_policy`."""

    def __init__(
        self, profile: RobotProfile, task: Task, simulator: Simulator, options: PlannerOptions, seed: int
    ) -> None:
        self._profile, self._task, self._simulator, self._options = profile, task, simulator, options
        self._bounds = bounds_of(profile, torch.device("cpu"))
        self._generator = torch.Generator().manual_seed(seed)
        self._last: tuple[int, Tensor] | None = None
        self._positions = self._goal = np.zeros(0)

    def inform(self, positions: np.ndarray, goal: np.ndarray) -> None:
        """The state now [P], and the goal's [P]."""
        self._positions, self._goal = positions.copy(), goal

    def __call__(self, stamp_ns: int, frame: np.ndarray) -> Plan:
        """The best plan from the state it was told last; the frame is not looked at."""
        dt, held = self._profile.model_dt, self._options.shape[1]
        warm = None
        if self._last is not None:
            warm = shifted(self._last[1], (stamp_ns - self._last[0]) * 1e-9 / dt / held)
        found = search(
            true_costs(self._simulator, self._task, self._positions, self._goal, dt),
            self._bounds,
            self._options,
            self._generator,
            warm_start=warm,
        )
        self._last = stamp_ns, found.knots
        knots = found.knots.double().numpy().clip(self._profile.low, self._profile.high)
        rates = np.concatenate([knots, np.zeros_like(knots[:1])])
        return Plan(stamp_ns, self._profile.names, rates, np.arange(len(rates)) * held * dt)


def true_costs(
    simulator: Simulator, task: Task, positions: np.ndarray, goal: np.ndarray, dt: float
) -> Callable[[Tensor], Tensor]:
    """From actions [S, H, A], each held for `dt` seconds from rest in a state on, to costs [S].

    The distance from the goal along the way, and the heading where it counts, in units of what is near enough.
    """
    near = task.criterion

    def rollout(actions: Tensor) -> Tensor:
        costs = []
        for sequence in actions.double().numpy():
            simulator.place(positions)
            track = []
            for action in sequence:
                simulator.step(action, dt)
                track.append(simulator.positions.copy())
            distances, headings = task.errors(np.array(track), goal)
            off = distances / near.radius_m
            if headings is not None and np.isfinite(near.heading_rad):
                off = off + headings / near.heading_rad
            costs.append(off.sum())
        return torch.tensor(costs, dtype=torch.float32)

    return rollout
