"""The way back: robot actions behind latent actions, as the robot can be told them."""

from __future__ import annotations

import torch
from torch import Tensor

from wm_ros.models.world_model import WorldModel


def robot_actions(model: WorldModel, latent_actions: Tensor, states: Tensor) -> Tensor:
    """Robot actions [B, A] (SI, not clipped) behind latent actions [B, Z] in states [B, N, D].

    The way back need not say zero for standing still. What it says instead is taken off, or the robot would creep.
    """
    actions = model.robot_action(latent_actions, states)
    nothing = model.latent_action(torch.zeros_like(actions), states)
    return actions - model.robot_action(nothing, states)
