"""Trains inverse dynamics and forward model together on cached states: what happened, and what follows from it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from wm_ros.models.world_model import WorldModel
from wm_ros.training.clips import Clips
from wm_ros.training.engine import Engine
from wm_ros.training.optimise import Report
from wm_ros.training.processes import gather, mine

BATCH = 128
RATE = 2e-3


def train_world_model(
    model: WorldModel, clips: Clips, steps: int, seed: int, report: Report, engine: Engine
) -> None:
    """Fit g, p and their bottleneck on clips without looking at any robot action [LAM]."""
    choose = np.random.default_rng(seed)
    generator = torch.Generator(model.device).manual_seed(seed)
    parts = [model.inverse_dynamics, model.forward_model, model.bottleneck]

    def loss() -> tuple[Tensor, dict[str, float]]:
        return world_model_loss(model, clips.share(choose, BATCH)[0], generator)

    engine.optimise("world model", parts, loss, steps, RATE, report, [choose, generator])


def world_model_loss(
    model: WorldModel, states: Tensor, generator: torch.Generator
) -> tuple[Tensor, dict[str, float]]:
    """What g and p are trained on: states [B, T + 1, N, D] of clips.

    The forward model imagines the whole clip from its first state and the latent actions that pass the bottleneck;
    error against the true states plus the bottleneck's own loss. Figures: `error_to_copy` (1 = as bad as no motion)
    and the bottleneck's health. Of several processes, each imagines its own clips; the bottleneck sees those of all.
    """
    raw = gather(inferred(model, states)[1])
    latents, price = model.bottleneck(raw, generator)
    error = F.mse_loss(imagine(model, states[:, 0], mine(latents)), states[:, 1:])
    with torch.no_grad():
        health = model.bottleneck.health(raw)
    figures = {name: value.item() for name, value in health.items() if not value.ndim}
    return error + price, {"error_to_copy": error.item() / copy_error(states), **figures}


def imagine(model: WorldModel, state: Tensor, latents: Tensor) -> Tensor:
    """States [B, T, N, D] that latent actions [B, T, Z] lead to from a state [B, N, D]."""
    return model.forward_model.unroll(state, latents.shape[1], lambda step, _: latents[:, step])


def inferred(model: WorldModel, states: Tensor) -> tuple[Tensor, Tensor]:
    """Latent actions [B, T, Z] between the neighbours of states [B, T + 1, N, D], and what inverse dynamics read out
    for the bottleneck to make them of [B, T, outputs]."""
    raw = model.inverse_dynamics(states[:, :-1].flatten(0, 1), states[:, 1:].flatten(0, 1))
    raw = raw.unflatten(0, (len(states), -1))
    return model.bottleneck.mean(raw), raw


def copy_error(states: Tensor) -> float:
    """Mean squared error of predicting that states [B, T + 1, N, D] stay as they begin."""
    return F.mse_loss(states[:, :1].expand_as(states[:, 1:]), states[:, 1:]).item()
