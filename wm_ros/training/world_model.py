"""Trains inverse dynamics and forward model together on cached states: what happened, and what follows from it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from wm_ros.models import bottleneck
from wm_ros.models.world_model import WorldModel
from wm_ros.training.clips import Clips
from wm_ros.training.engine import Engine
from wm_ros.training.optimise import Report
from wm_ros.training.processes import gather, mine

BATCH = 128
RATE = 2e-3


def train_world_model(
    model: WorldModel, clips: Clips, steps: int, beta: float, seed: int, report: Report, engine: Engine
) -> None:
    """Fit g and p on clips without looking at any robot action [LAM].

    The forward model imagines the whole clip from its first state and the sampled latent actions; error against the
    true states plus beta times KL(q(z) || N(0, 1)). Figures: `error_to_copy` (1 = as bad as no motion), `kl` nats.
    """
    choose = np.random.default_rng(seed)
    generator = torch.Generator(model.device).manual_seed(seed)

    def loss() -> tuple[Tensor, dict[str, float]]:
        states, _ = clips.share(choose, BATCH)
        # The bottleneck sees the latent actions of the whole batch, of all processes.
        mean, log_variance = map(gather, inferred(model, states))
        latents = mine(bottleneck.sample(mean, log_variance, generator))
        error = F.mse_loss(imagine(model, states[:, 0], latents), states[:, 1:])
        kl = bottleneck.kl_per_dimension(mean, log_variance).sum()
        return error + beta * kl, {"error_to_copy": error.item() / copy_error(states), "kl": kl.item()}

    modules = [model.inverse_dynamics, model.forward_model]
    engine.optimise("world model", modules, loss, steps, RATE, report, [choose, generator])


def imagine(model: WorldModel, state: Tensor, latents: Tensor) -> Tensor:
    """States [B, T, N, D] that latent actions [B, T, Z] lead to from a state [B, N, D]."""
    return model.forward_model.unroll(state, latents.shape[1], lambda step, _: latents[:, step])


def inferred(model: WorldModel, states: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and log-variance [B, T, Z] of the latent actions between the neighbours of states [B, T + 1, N, D]."""
    raw = model.inverse_dynamics(states[:, :-1].flatten(0, 1), states[:, 1:].flatten(0, 1))
    mean, log_variance = bottleneck.split(raw.unflatten(0, (len(states), -1)))
    return mean, log_variance


def copy_error(states: Tensor) -> float:
    """Mean squared error of predicting that states [B, T + 1, N, D] stay as they begin."""
    return F.mse_loss(states[:, :1].expand_as(states[:, 1:]), states[:, 1:]).item()
