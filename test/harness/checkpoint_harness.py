"""Models of seeded random weights, small enough to plan in milliseconds, and real checkpoints of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from wm_ros.models.action_conditioned.model import (
    ActionCard,
    ActionConditionedModel,
    save_action_conditioned,
)
from wm_ros.models.card import Card, Network
from wm_ros.models.checkpoint import save_checkpoint
from wm_ros.models.world_model import WorldModel
from wm_ros.robots.profile import RobotProfile


def small_model(profile: RobotProfile, seed: int = 0, weight: float = 0.1, **card: Any) -> WorldModel:
    """A model for this robot, ready for use; `card` replaces entries of its card."""
    network = Network(width=16, depth=1, heads=2)
    entries = {
        "encoder": {"name": "tiny", "size": 32, "dim": 8, "width": 8},
        "robot": profile,
        "latent_action_dim": 2,
        "action_scale": (1.0,) * len(profile.action),
        "inverse_dynamics": network,
        "forward_model": network,
        "controller": network,
        "bottleneck": {"name": "noise"},
    }
    model = WorldModel(Card(**(entries | card)))
    randomise(model, seed, weight)
    return model.eval().requires_grad_(False)


def randomise(module: torch.nn.Module, seed: int = 0, weight: float = 0.1) -> None:
    """Draw all weights anew: layers that start at zero would make all actions mean the same."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(weight * torch.randn(parameter.shape, generator=generator))


def write_checkpoint(folder: Path, profile: RobotProfile, seed: int = 0, weight: float = 0.1) -> str:
    """Write a model for this robot and return the folder as the parameter `checkpoint` takes it."""
    save_checkpoint(small_model(profile, seed, weight), folder)
    return str(folder)


def write_action_conditioned(folder: Path, profile: RobotProfile, precision: str = "float32") -> str:
    """Write a V-JEPA 2-AC in small for this robot, as `wm_ros convert` does, and return its folder."""
    encoder = {
        "name": "vjepa2",
        "model": {"width": 48, "depth": 2, "heads": 2, "hidden": 96},
        "input": {"size": 32, "shortest_edge": 32, "mean": [0.5] * 3, "std": [0.5] * 3},
        "normalise": True,
        "precision": precision,
    }
    card = ActionCard(encoder, {"width": 64, "depth": 2, "heads": 2}, profile, "MIT")
    model = ActionConditionedModel(card)
    randomise(model, weight=0.2)
    save_action_conditioned(model, folder)
    return str(folder)
