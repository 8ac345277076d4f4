"""A demonstration as a planner sees it: states along the way, and what the robot must do from each to the next."""

from __future__ import annotations

import torch
from torch import Tensor

from wm_ros.models.world_model import WorldModel
from wm_ros.planning.bounds import bounds_of
from wm_ros.planning.way_back import robot_actions


class Demonstration:
    """States [T, N, D] of a video without commands, one model step apart.

    places [T, P]: of the states, as the goal distance embeds them. actions [T, A] (SI, within the profile's limits):
    the latent action that leads from each state to the next, taken back to a robot action; zero in the last one.
    """

    def __init__(self, model: WorldModel, states: Tensor) -> None:
        if len(states) < 2:
            raise ValueError(
                f"a demonstration needs 2 frames or more, a model step apart, and this has {len(states)}"
            )
        self.states = states
        self.places: Tensor = model.goal_distance.embed(states)
        latent_actions = model.infer(states[:-1], states[1:])
        actions = bounds_of(model.card.robot, model.device).clamp(
            robot_actions(model, latent_actions, states[:-1])
        )
        self.actions = torch.cat([actions, torch.zeros_like(actions[:1])])

    def __len__(self) -> int:
        return len(self.states)

    def ahead(self, at: float, steps: int) -> Tensor:
        """The states [H, N, D] one to `steps` steps after a moment, which need not be a whole step; the last stays."""
        return _between(self.states, at + 1 + torch.arange(steps))

    def knots(self, at: float, knots: int, held: int) -> Tensor:
        """The mean actions [K, A] of `knots` times `held` steps from a moment on."""
        moments = at + torch.arange(knots * held)
        return _between(self.actions, moments).view(knots, held, -1).mean(dim=1)


def _between(values: Tensor, moments: Tensor) -> Tensor:
    """Values at moments [M], which lie between whole steps."""
    moments = moments.clamp(0, len(values) - 1)
    before = moments.floor().long()
    share = (moments - before).to(values).view(-1, *[1] * (values.dim() - 1))
    after = (before + 1).clamp(max=len(values) - 1)
    return torch.lerp(values[before], values[after], share)
