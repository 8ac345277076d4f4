"""Trains the action-labelled baseline: the same forward model, told the robot actions instead of inferring them."""

from __future__ import annotations

import numpy as np
from torch import Tensor
from torch.nn import functional as F

from wm_ros.models.world_model import WorldModel
from wm_ros.training.clips import Clips
from wm_ros.training.engine import Engine
from wm_ros.training.optimise import Report
from wm_ros.training.world_model import BATCH, RATE, Prediction, change, forced, imagine, inferred


def train_labelled_world_model(
    model: WorldModel, clips: Clips, steps: int, seed: int, report: Report, engine: Engine
) -> None:
    """Fit p on robot actions with teacher forcing, and g to name the action between two states; figures as for the
    latent model."""
    _train("labelled world model", model, clips, steps, seed, report, engine, forced)


def train_labelled_rollouts(
    model: WorldModel, clips: Clips, steps: int, seed: int, report: Report, engine: Engine
) -> None:
    """Go on with p and g on imagined clips."""

    def rollout(model: WorldModel, states: Tensor, rates: Tensor) -> Tensor:
        return imagine(model, states[:, 0], rates)

    _train("labelled rollouts", model, clips, steps, seed, report, engine, rollout)


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
    unit = change(clips, 1 if predict is forced else clips.steps)

    def loss() -> tuple[Tensor, dict[str, float]]:
        states, actions = clips.labelled_share(choose, BATCH)
        rates = actions / model.action_scale
        inverse = F.mse_loss(inferred(model, states)[0], rates)
        error = F.mse_loss(predict(model, states, rates), states[:, 1:]) / unit
        return error + inverse, {"error_to_copy": error.item(), "inverse": inverse.item()}

    engine.optimise(name, [model.inverse_dynamics, model.forward_model], loss, steps, RATE, report, [choose])
