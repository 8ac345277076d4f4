"""Trains inverse dynamics and forward model together on cached states: what happened, and what follows from it.

Errors are in units of what predicting no change would miss, on the same clips: the price of a latent action then means
the same for every encoder, whatever the size of its numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from wm_ros.models.world_model import WorldModel
from wm_ros.training.clips import Clips
from wm_ros.training.engine import Engine
from wm_ros.training.optimise import Schedule
from wm_ros.training.processes import gather, mine

BATCH = 128
# Share of the bottleneck's price while single steps are learned: until the forward model heeds a latent action, one
# that carries nothing costs least.
FIRST_PRICE = 0.1
COMPARED_CLIPS = 512
LEAST_CHANGE = 1e-9
RATE = 2e-3


@dataclass(frozen=True)
class Phase:
    """A phase of training g and p together; called with what is trained, on what, how long, and by whom.

    imagined: whole clips are imagined from their first state, and errors add up as they do in a plan; else every state
    is predicted from the true ones before it, which is teacher forcing [LAM]. loss: of a batch that it draws; called
    with the phase, the model, clips, what to draw with, and the unit of errors. Figure of both losses: `error_to_copy`
    (1 = as bad as no motion).
    """

    name: str
    imagined: bool
    loss: Callable[
        [Phase, WorldModel, Clips, np.random.Generator, torch.Generator, float],
        tuple[Tensor, dict[str, float]],
    ]

    def __call__(self, model: WorldModel, clips: Clips, schedule: Schedule, engine: Engine) -> None:
        choose = np.random.default_rng(schedule.seed)
        generator = torch.Generator(model.device).manual_seed(schedule.seed)
        parts = [model.inverse_dynamics, model.forward_model, model.bottleneck]
        unit = change(clips, clips.steps if self.imagined else 1)

        def loss() -> tuple[Tensor, dict[str, float]]:
            return self.loss(self, model, clips, choose, generator, unit)

        engine.optimise(self.name, parts, loss, schedule, RATE, [choose, generator])

    def error(self, model: WorldModel, states: Tensor, latents: Tensor) -> Tensor:
        """Mean squared error of predicting what follows in clips of states [B, T + 1, N, D] under latent actions
        [B, T, Z]."""
        if self.imagined:
            predicted = imagine(model, states[:, 0], latents)
        else:
            predicted = model.forward_model(states[:, :-1], latents)
        return F.mse_loss(predicted, states[:, 1:])


def latent_loss(
    phase: Phase,
    model: WorldModel,
    clips: Clips,
    choose: np.random.Generator,
    generator: torch.Generator,
    unit: float,
) -> tuple[Tensor, dict[str, float]]:
    """Error from the latent actions that pass the bottleneck, plus the bottleneck's own loss; figures: also the
    bottleneck's health.

    No robot action is looked at. Of several processes, each predicts its own clips; the bottleneck sees those of all.
    """
    states = clips.share(choose, BATCH)[0]
    raw = gather(inferred(model, states)[1])
    latents, price = model.bottleneck(raw, generator)
    error = phase.error(model, states, mine(latents)) / unit
    with torch.no_grad():
        health = model.bottleneck.health(raw)
    figures = {name: value.item() for name, value in health.items() if not value.ndim}
    total = error + (1.0 if phase.imagined else FIRST_PRICE) * price
    return total, {"error_to_copy": error.item(), **figures}


train_world_model = Phase("world model", imagined=False, loss=latent_loss)
train_world_model_rollouts = Phase("world model rollouts", imagined=True, loss=latent_loss)


def change(clips: Clips, steps: int) -> float:
    """Mean squared change of a state in the first steps of clips, over up to 512 of them: the unit of errors."""
    rows = np.linspace(0, len(clips) - 1, min(len(clips), COMPARED_CLIPS)).round().astype(int)
    return max(copy_error(replace(clips, steps=steps).take(rows)[0]), LEAST_CHANGE)


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
