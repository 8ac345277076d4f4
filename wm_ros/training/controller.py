"""Trains the controller both ways with the world model frozen: robot action to latent action, and back."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from wm_ros.models.world_model import WorldModel
from wm_ros.training.clips import Clips
from wm_ros.training.engine import Engine
from wm_ros.training.optimise import Report
from wm_ros.training.world_model import copy_error, inferred

PAIRS = 512
PAIR_RATE = 2e-3
CLIPS = 128
ROLLOUT_RATE = 1e-3
LATENT_WEIGHT = 0.1
PLACE_WEIGHT = 0.1  # of square steps at full rate, where the camera rides along


def train_controller(
    model: WorldModel, clips: Clips, steps: int, seed: int, report: Report, engine: Engine
) -> None:
    """Fit c and its inverse on single steps of labelled clips; g and p must be frozen, and are looked through.

    [LAM] matches only z. Here the state that the forward model makes of z must be right too: what counts is where an
    action leads. Figures: `error_to_copy` of that, `inverse` error of the way back (1 = mean).
    """
    choose = np.random.default_rng(seed)

    def loss() -> tuple[Tensor, dict[str, float]]:
        states, actions = clips.labelled_share(choose, PAIRS)
        return _loss(model, states[:, :2], actions[:, :1])

    engine.optimise("controller", _modules(model), loss, steps, PAIR_RATE, report, [choose])


def train_controller_rollouts(
    model: WorldModel, clips: Clips, steps: int, seed: int, report: Report, engine: Engine
) -> None:
    """Go on with c and its inverse on imagined clips, whose errors add up as they do in a plan; figures as above."""
    choose = np.random.default_rng([seed, 1])
    engine.optimise(
        "controller rollouts",
        _modules(model),
        lambda: _loss(model, *clips.labelled_share(choose, CLIPS)),
        steps,
        ROLLOUT_RATE,
        report,
        [choose],
    )


def _modules(model: WorldModel) -> list[torch.nn.Module]:
    return [model.controller, model.controller_inverse]


def _loss(model: WorldModel, states: Tensor, actions: Tensor) -> tuple[Tensor, dict[str, float]]:
    with torch.no_grad():
        latents = inferred(model, states)[0]
    meant = []

    def latent_action(step: int, state: Tensor) -> Tensor:
        meant.append(model.latent_action(actions[:, step], state))
        return meant[-1]

    imagined = model.forward_model.unroll(states[:, 0], actions.shape[1], latent_action)
    error = F.mse_loss(imagined, states[:, 1:])
    match = F.mse_loss(torch.stack(meant, dim=1), latents)
    before, flat = states[:, :-1].flatten(0, 1), actions.flatten(0, 1)
    back = model.robot_action(latents.flatten(0, 1), before)
    inverse = F.mse_loss(back / model.action_scale, flat / model.action_scale)
    spread = (flat / model.action_scale).var(dim=0).mean()
    total = error + LATENT_WEIGHT * match + inverse
    if model.card.robot.camera.moves:
        # Of a whole picture most says nothing about the place, which is all that a plan is judged by.
        place = model.goal_distance.embed
        total = total + PLACE_WEIGHT * F.mse_loss(place(imagined), place(states[:, 1:]))
    figures = {"error_to_copy": error.item() / copy_error(states), "inverse": inverse.item() / spread.item()}
    return total, figures
