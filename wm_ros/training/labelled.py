"""Trains the action-labelled baseline: the same forward model, told the robot actions instead of inferring them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from wm_ros.models.world_model import WorldModel
from wm_ros.training.clips import Clips
from wm_ros.training.world_model import BATCH, Phase, inferred


def _labelled_loss(
    phase: Phase,
    model: WorldModel,
    clips: Clips,
    choose: np.random.Generator,
    generator: torch.Generator,
    unit: float,
) -> tuple[Tensor, dict[str, float]]:
    """Error from the robot actions, plus that of g, which names the action between two states; figures: also the
    latter, `inverse`."""
    states, actions = clips.labelled_share(choose, BATCH)
    rates = actions / model.action_scale
    inverse = F.mse_loss(inferred(model, states)[0], rates)
    error = phase.error(model, states, rates) / unit
    return error + inverse, {"error_to_copy": error.item(), "inverse": inverse.item()}


train_labelled_world_model = Phase("labelled world model", imagined=False, loss=_labelled_loss)
train_labelled_rollouts = Phase("labelled rollouts", imagined=True, loss=_labelled_loss)
