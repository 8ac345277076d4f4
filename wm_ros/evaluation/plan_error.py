"""Plan error: planning towards what was recorded, against what was commanded on the way there.

The figure of [LAM] for DROID: from a held-out frame, plan to the frame a few steps ahead, and compare the summed
planned action with the summed recorded one. Needs no robot, so every bag that has commands will do.

The cost is the published one, the squared distance of the last imagined state from the goal's: the figure is of the
world model and its controller alone, and not of the goal distance by which the robot is driven.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from wm_ros.data.recording import Recording
from wm_ros.models.world_model import WorldModel
from wm_ros.planning.bounds import bounds_of
from wm_ros.planning.options import PlannerOptions
from wm_ros.planning.search import search
from wm_ros.robots.profile import RobotProfile

HORIZON = 3  # model steps, as in [LAM]
CLIPS = 200
# Looks harder than on the robot: it is not the search that is measured.
PLANNER = PlannerOptions(
    batch_size=128, iteration_count=4, elites=10, knots=HORIZON, steps_per_knot=1, proposals=False
)


@dataclass(frozen=True)
class StartGoalPairs:
    """What was recorded: frames [C] where plans begin and frames [C] that are their goals, HORIZON model steps later;
    what was commanded between them, summed over time, [C, A] in unit times seconds."""

    starts: np.ndarray
    goals: np.ndarray
    displacement: np.ndarray


def recorded_pairs(recording: Recording, episodes: np.ndarray) -> StartGoalPairs:
    """Up to 200 pairs within these episodes, the same every time."""
    rows = recording.clips(HORIZON + 1, episodes)
    rows = rows[np.random.default_rng(0).permutation(len(rows))[:CLIPS]]
    displacement = recording.actions(rows).sum(axis=1) * recording.profile.model_dt
    return StartGoalPairs(rows[:, 0], rows[:, -1], displacement)


@torch.inference_mode()
def plans(
    model: WorldModel, latents: Tensor, pairs: StartGoalPairs, seed: int, progress: Callable[[int], None]
) -> np.ndarray:
    """The model's plans, rates [C, HORIZON, A]; progress: called with the number of plans made.

    latents: [F, N, D] of all frames.
    """
    bounds = bounds_of(model.card.robot, torch.device("cpu"))
    found = []
    for number, (start, goal) in enumerate(zip(pairs.starts, pairs.goals, strict=True)):
        cost = partial(_cost, model, latents[int(start)], latents[int(goal)])
        generator = torch.Generator().manual_seed(1000 * seed + number)
        found.append(search(cost, bounds, PLANNER, generator).knots.numpy())
        progress(number + 1)
    return np.stack(found)


def planned_displacement(
    model: WorldModel, latents: Tensor, pairs: StartGoalPairs, seed: int, progress: Callable[[int], None]
) -> np.ndarray:
    """What the model's plans would move the robot by, [C, A]; arguments as those of `plans`."""
    return plans(model, latents, pairs, seed, progress).sum(axis=1) * model.card.robot.model_dt


def _cost(model: WorldModel, state: Tensor, goal: Tensor, actions: Tensor) -> Tensor:
    """Squared distance [S] of where actions [S, H, A] lead in imagination from the goal [N, D]."""
    imagined = model.rollout(state.expand(len(actions), -1, -1), actions)
    return (imagined[:, -1] - goal).square().sum(dim=(1, 2))


def random_plans(profile: RobotProfile, pairs: StartGoalPairs, seed: int) -> np.ndarray:
    """Plans of random actions within the limits, rates [C, HORIZON, A]: a control."""
    shape = (len(pairs.starts), HORIZON, len(profile.action))
    return np.random.default_rng([seed, 4]).uniform(profile.low, profile.high, shape)


def random_displacement(profile: RobotProfile, pairs: StartGoalPairs, seed: int) -> np.ndarray:
    """What random plans would move the robot by, [C, A]."""
    return random_plans(profile, pairs, seed).sum(axis=1) * profile.model_dt


def plan_error(profile: RobotProfile, pairs: StartGoalPairs, displacement: np.ndarray) -> dict[str, float]:
    """Mean distance between what was planned [C, A] and what was recorded; one for each unit, such as `rad`."""
    units = np.array([displacement_unit(unit) for unit in profile.units])
    off = displacement - pairs.displacement
    return {
        str(unit): float(np.linalg.norm(off[:, units == unit], axis=1).mean()) for unit in np.unique(units)
    }


def displacement_unit(unit: str) -> str:
    """The unit of an action summed over time: `m` of `m/s`."""
    return unit.removesuffix("/s") if unit.endswith("/s") else f"{unit} s"
