"""Trains the controller both ways with the world model frozen: robot action to latent action, and back."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from wm_ros.models.world_model import WorldModel
from wm_ros.training.clips import Clips
from wm_ros.training.optimise import Report, optimise
from wm_ros.training.world_model import copy_error, inferred

BATCH = 128
RATE = 2e-3
LATENT_WEIGHT = 0.1


def train_controller(model: WorldModel, clips: Clips, steps: int, seed: int, report: Report) -> None:
    """Fit c and its inverse on labelled clips; g and p must be frozen, and are looked through.

    [LAM] matches only z. Here the controller also has to imagine the whole clip through the forward model: what
    counts is where an action leads. Figures: `error_to_copy` of that, `inverse` error of the way back (1 = mean).
    """
    choose = np.random.default_rng(seed)
    parameters = [*model.controller.parameters(), *model.controller_inverse.parameters()]

    def loss() -> tuple[Tensor, dict[str, float]]:
        states, actions = clips.batch(choose, BATCH)
        with torch.no_grad():
            latents = inferred(model, states)[0].flatten(0, 1)
        before, flat = states[:, :-1].flatten(0, 1), actions.flatten(0, 1)
        error = F.mse_loss(model.rollout(states[:, 0], actions), states[:, 1:])
        match = F.mse_loss(model.latent_action(flat, before), latents)
        back = model.robot_action(latents, before)
        inverse = F.mse_loss(back / model.action_scale, flat / model.action_scale)
        spread = (flat / model.action_scale).var(dim=0).mean()
        figures = {
            "error_to_copy": error.item() / copy_error(states),
            "inverse": inverse.item() / spread.item(),
        }
        return error + LATENT_WEIGHT * match + inverse, figures

    optimise("controller", parameters, loss, steps, RATE, report)
