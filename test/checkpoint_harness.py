"""A real checkpoint of seeded random weights, small enough to plan in milliseconds."""

from __future__ import annotations

from pathlib import Path

import torch

from wm_ros.models.card import Card, Network
from wm_ros.models.checkpoint import save_checkpoint
from wm_ros.models.world_model import WorldModel
from wm_ros.robots.profile import RobotProfile


def write_checkpoint(folder: Path, profile: RobotProfile, seed: int = 0, weight: float = 0.1) -> str:
    """Write a model for this robot and return the folder as the parameter `checkpoint` takes it."""
    network = Network(width=16, depth=1, heads=2)
    card = Card(
        encoder={"name": "tiny", "size": 32, "dim": 8, "width": 8},
        robot=profile,
        latent_action_dim=2,
        action_scale=(1.0,) * len(profile.action),
        inverse_dynamics=network,
        forward_model=network,
        controller=network,
        bottleneck={"name": "noise"},
    )
    model = WorldModel(card)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        # Everywhere: layers that start at zero would make all actions mean the same.
        for parameter in model.parameters():
            parameter.copy_(weight * torch.randn(parameter.shape, generator=generator))
    save_checkpoint(model, folder)
    return str(folder)
