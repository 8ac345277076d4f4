"""Proposals: candidates that need no search, because the networks already know roughly where the goal lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from wm_ros.models.world_model import WorldModel


def by_displacement(left: Tensor, knots: int, held: int) -> Tensor:
    """Two ways [2, K, A] to go a displacement [A], in model steps at full rate; rates as shares of the full rate.

    First every component as fast as it can, then all so that they arrive together.
    """
    begins = held * torch.arange(knots, device=left.device)[:, None]
    far = left.abs()
    fast = (far - begins).clamp(0.0, held) / held * left.sign()
    longest = far.max().clamp(min=1.0)
    together = (longest - begins).clamp(0.0, held) / held * (left / longest)
    return torch.stack([fast, together])


def by_way_back(model: WorldModel, state: Tensor, goal: Tensor, knots: int, held: int) -> Tensor:
    """The action behind the latent action that leads from the state [N, D] to the goal [N, D], for one model step:
    [1, K, A], SI."""
    latent_action = model.infer(state[None], goal[None])
    rates = torch.zeros(1, knots, len(model.action_scale), device=state.device)
    rates[:, 0] = model.robot_action(latent_action, state[None]) / held
    return rates
