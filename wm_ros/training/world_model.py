"""Trains inverse dynamics and forward model together on cached states: what happened, and what follows from it.

Errors are in units of what predicting no change would miss, on the same clips: the price of a latent action then means
the same for every encoder, whatever the size of its numbers.
"""

from __future__ import annotations

from collections.abc import Callable

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
# Share of the bottleneck's price while single steps are learned: until the forward model heeds a latent action, one
# that carries nothing costs least.
FIRST_PRICE = 0.1
COMPARED_CLIPS = 512
LEAST_CHANGE = 1e-9
RATE = 2e-3


def train_world_model(
    model: WorldModel, clips: Clips, steps: int, seed: int, report: Report, engine: Engine
) -> None:
    """Fit g, p and their bottleneck on clips without looking at any robot action, one step at a time [LAM].

    Teacher forcing: every state is predicted from the true ones before it.
    """
    _train("world model", model, clips, steps, seed, report, engine, forced)


def train_world_model_rollouts(
    model: WorldModel, clips: Clips, steps: int, seed: int, report: Report, engine: Engine
) -> None:
    """Go on with g, p and their bottleneck on imagined clips, whose errors add up as they do in a plan."""
    _train("world model rollouts", model, clips, steps, seed, report, engine, _imagined)


# What follows states [B, T + 1, N, D] under latent actions [B, T, Z]: [B, T, N, D].
Prediction = Callable[[WorldModel, Tensor, Tensor], Tensor]


def _train(
    name: str,
    model: WorldModel,
    clips: Clips,
    steps: int,
    seed: int,
    report: Report,
    engine: Engine,
    predict: Prediction,
) -> None:
    choose = np.random.default_rng(seed)
    generator = torch.Generator(model.device).manual_seed(seed)
    parts = [model.inverse_dynamics, model.forward_model, model.bottleneck]
    unit, price_share = (
        (change(clips, 1), FIRST_PRICE) if predict is forced else (change(clips, clips.steps), 1.0)
    )

    def loss() -> tuple[Tensor, dict[str, float]]:
        return world_model_loss(model, clips.share(choose, BATCH)[0], generator, unit, predict, price_share)

    engine.optimise(name, parts, loss, steps, RATE, report, [choose, generator])


def world_model_loss(
    model: WorldModel,
    states: Tensor,
    generator: torch.Generator,
    unit: float,
    predict: Prediction,
    price_share: float = 1.0,
) -> tuple[Tensor, dict[str, float]]:
    """What g and p are trained on: states [B, T + 1, N, D] of clips.

    Error of what is predicted from the latent actions that pass the bottleneck, in units of `change`, plus this share
    of the bottleneck's own loss. Figures: `error_to_copy` (1 = as bad as no motion) and the bottleneck's health. Of
    several processes, each predicts its own clips; the bottleneck sees those of all.
    """
    raw = gather(inferred(model, states)[1])
    latents, price = model.bottleneck(raw, generator)
    error = F.mse_loss(predict(model, states, mine(latents)), states[:, 1:]) / unit
    with torch.no_grad():
        health = model.bottleneck.health(raw)
    figures = {name: value.item() for name, value in health.items() if not value.ndim}
    return error + price_share * price, {"error_to_copy": error.item(), **figures}


def change(clips: Clips, steps: int) -> float:
    """Mean squared change of a state in the first steps of clips, over up to 512 of them: the unit of errors."""
    rows = np.linspace(0, len(clips) - 1, min(len(clips), COMPARED_CLIPS)).round().astype(int)
    return max(copy_error(clips.take(rows)[0][:, : steps + 1]), LEAST_CHANGE)


def forced(model: WorldModel, states: Tensor, latents: Tensor) -> Tensor:
    """States [B, T, N, D] that follow each of states [B, T + 1, N, D] but the last, under latent actions [B, T, Z]."""
    return model.forward_model(states[:, :-1], latents)


def _imagined(model: WorldModel, states: Tensor, latents: Tensor) -> Tensor:
    return imagine(model, states[:, 0], latents)


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
