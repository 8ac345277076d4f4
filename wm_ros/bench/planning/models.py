"""Models of seeded random weights in any size: planning takes as long with them as with trained ones."""

from __future__ import annotations

import torch
from torch import nn

from wm_ros.models.controller import StateConditioned
from wm_ros.models.forward_model import ForwardModel
from wm_ros.models.goal_distance import GoalDistance
from wm_ros.models.inverse_dynamics import InverseDynamics
from wm_ros.models.presets import PRESETS
from wm_ros.models.world_model import WorldModel
from wm_ros.robots.profile import load_profile
from wm_ros.training.train import TrainOptions, new_card

DIM = 32  # numbers in a token


def random_model(preset: str, tokens: int, device: str = "cpu", dim: int = DIM) -> WorldModel:
    """A world model for the arm with the networks of a preset, for frames of so many tokens of `dim` numbers."""
    torch.manual_seed(0)
    sizes, profile = PRESETS[preset], load_profile("arm")
    model = WorldModel(new_card(profile, TrainOptions(preset=preset)))
    g, p, c = sizes.inverse_dynamics, sizes.forward_model, sizes.controller
    latent, actions = sizes.latent_action_dim, len(profile.action)
    model.encoder.tokens, model.encoder.dim = tokens, dim  # of states that come from no picture here
    model.forward_model = ForwardModel(tokens, dim, latent, width=p.width, depth=p.depth, heads=p.heads)
    model.inverse_dynamics = InverseDynamics(
        tokens, dim, model.bottleneck.outputs, width=g.width, depth=g.depth, heads=g.heads
    )
    size = {"width": c.width, "heads": c.heads, "depth": c.depth}
    model.controller = StateConditioned(actions, latent, tokens, dim, **size)
    model.controller_inverse = StateConditioned(latent, actions, tokens, dim, **size)
    model.goal_distance = GoalDistance(tokens, dim, actions)
    model.to(device)
    for parameter in model.parameters():
        # Layers that start at zero would make all candidates cost the same.
        nn.init.normal_(parameter, std=0.05)
    return model.eval().requires_grad_(False)
