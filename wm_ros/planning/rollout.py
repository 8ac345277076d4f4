"""Candidates to costs: imagine each action sequence with the world model and compare with the goal."""

from __future__ import annotations

import torch
from torch import Tensor

from wm_ros.models.goal_distance import length
from wm_ros.models.world_model import WorldModel


class LatentRollout:
    """Cost of action sequences [S, H, A] (SI): goal distance, summed along the imagined horizon.

    state, goal: [N, D]. The sum, and not the last step alone, keeps the plan from putting the approach off.
    committed [H, A] and share [H]: what the robot will do anyway before the plan takes effect; the first
    `share` of each step keeps the committed action.

    A robot that is told nothing stays. Where the model imagines that it moves, the model is wrong, and by about as much
    for every other action: that drift is taken off all candidates. Without it the plan comes to rest where an imagined
    drift would carry the robot to the goal.
    """

    def __init__(
        self, model: WorldModel, state: Tensor, goal: Tensor, committed: Tensor, share: Tensor
    ) -> None:
        self._model, self._state = model, state
        self._place, self._goal_place = (model.goal_distance.embed(one) for one in (state, goal))
        self._committed, self._share = committed, share[:, None]

    def __call__(self, actions: Tensor) -> Tensor:
        return self.distances(actions).sum(dim=1)

    def distances(self, actions: Tensor) -> Tensor:
        """Goal distance after each step: [S, H], in model steps."""
        executed = self._share * self._committed + (1.0 - self._share) * actions
        executed = torch.cat([torch.zeros_like(executed[:1]), executed])
        imagined = self._model.rollout(self._state.expand(len(executed), -1, -1), executed)
        places = self._model.goal_distance.embed(imagined)
        drift = places[:1] - self._place
        return length(places[1:] - drift - self._goal_place)


def committed_share(lead_s: float, model_dt: float, steps: int) -> Tensor:
    """Share [H] of each model step that has passed before a plan with lead time `lead_s` takes effect."""
    return (lead_s / model_dt - torch.arange(steps, dtype=torch.float32)).clamp(0.0, 1.0)
