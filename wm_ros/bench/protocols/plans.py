"""Plans of a model, as the protocols search for them: the last imagined state against the goal's, nothing else."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from wm_ros.models.planning_model import PlanningModel
from wm_ros.planning.bounds import bounds_of
from wm_ros.planning.options import PlannerOptions
from wm_ros.planning.parts import part_size, tokens_at_once
from wm_ros.planning.search import Found, search


@torch.inference_mode()
def plan(
    model: PlanningModel, start: Tensor, goal: Tensor, options: PlannerOptions, generator: torch.Generator
) -> np.ndarray:
    """The actions [H, A] (SI rates) that lead from a state [N, D] to another.

    They are the mean of the best candidates, as the published planners execute it. cost: squared distance of the last
    imagined state.
    """
    imagine = model.imaginer()(start[None])
    size = part_size(options.batch_size, max(1, tokens_at_once(start.device) // len(start)))

    def costs(actions: Tensor) -> Tensor:
        ends = [
            imagine(part)[:, -1].float() for part in actions.split(size)
        ]  # as floats: costs lie close together
        return torch.cat([(end - goal.float()).square().sum(dim=(1, 2)) for end in ends])

    found = search(costs, bounds_of(model.card.robot, model.device), options, generator)
    knots = _mean(found).repeat_interleave(options.shape[1], dim=0)
    rates: np.ndarray = knots.double().cpu().numpy()
    return rates.clip(model.card.robot.low, model.card.robot.high)


def _mean(found: Found) -> Tensor:
    """The mean of the usable elites [K, A]; to stand still without one."""
    usable = found.costs.isfinite()
    mean = (found.elites * usable[:, None, None]).sum(dim=0) / usable.sum().clamp(min=1)
    return torch.where(usable[0], mean, found.rest)
