"""Trains the action-labelled baseline: the same forward model, told the robot actions instead of inferring them."""

from __future__ import annotations

import numpy as np
from torch import Tensor
from torch.nn import functional as F

from wm_ros.models.world_model import WorldModel
from wm_ros.training.clips import Clips
from wm_ros.training.engine import Engine
from wm_ros.training.optimise import Report
from wm_ros.training.world_model import BATCH, RATE, copy_error, inferred


def train_labelled_world_model(
    model: WorldModel, clips: Clips, steps: int, seed: int, report: Report, engine: Engine
) -> None:
    """Fit p on robot actions, and g to name the action between two states; figures as for the latent model."""
    choose = np.random.default_rng(seed)

    def loss() -> tuple[Tensor, dict[str, float]]:
        states, actions = clips.labelled_share(choose, BATCH)
        inverse = F.mse_loss(inferred(model, states)[0], actions / model.action_scale)
        error = F.mse_loss(model.rollout(states[:, 0], actions), states[:, 1:])
        return error + inverse, {
            "error_to_copy": error.item() / copy_error(states),
            "inverse": inverse.item(),
        }

    modules = [model.inverse_dynamics, model.forward_model]
    engine.optimise("labelled world model", modules, loss, steps, RATE, report, [choose])
