"""Trains the controller both ways, robot action to latent action and back; in the end together with the world model.

Errors are in units of what predicting no change would miss, as those of the world model.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from wm_ros.models.goal_distance import GoalDistance
from wm_ros.models.world_model import WorldModel
from wm_ros.training.clips import Clips
from wm_ros.training.engine import Engine
from wm_ros.training.optimise import Schedule
from wm_ros.training.processes import gather
from wm_ros.training.world_model import (
    LEAST_CHANGE,
    change,
    copy_error,
    inferred,
    latent_loss,
    train_world_model_rollouts,
)

PAIRS = 512
PAIR_RATE = 2e-3
CLIPS = 128
ROLLOUT_RATE = 1e-3
MATCH_WEIGHT = 0.1  # of the error in z, in units of its variance


def train_controller(model: WorldModel, clips: Clips, schedule: Schedule, engine: Engine) -> None:
    """Fit c and its inverse on single steps of labelled clips; g and p must be frozen, and are looked through.

    [LAM] matches only z. Here the state that the forward model makes of z must be right too: what counts is where an
    action leads. Figures: `error_to_copy` of that, `inverse` error of the way back (1 = mean).
    """
    choose = np.random.default_rng(schedule.seed)
    unit = change(clips, 1)

    def loss() -> tuple[Tensor, dict[str, float]]:
        states, actions = clips.labelled_share(choose, PAIRS)
        return _loss(model, states[:, :2], actions[:, :1], unit)

    parts = [model.controller, model.controller_inverse]
    engine.optimise("controller", parts, loss, schedule, PAIR_RATE, [choose])


def train_controller_rollouts(model: WorldModel, clips: Clips, schedule: Schedule, engine: Engine) -> None:
    """Go on with c and its inverse on imagined clips, whose errors add up as they do in a plan; figures as above."""
    choose = np.random.default_rng([schedule.seed, 1])
    unit = change(clips, clips.steps)

    def loss() -> tuple[Tensor, dict[str, float]]:
        return _loss(model, *clips.labelled_share(choose, CLIPS), unit)

    parts = [model.controller, model.controller_inverse]
    engine.optimise("controller rollouts", parts, loss, schedule, ROLLOUT_RATE, [choose])


def train_jointly(model: WorldModel, seen: Clips, clips: Clips, schedule: Schedule, engine: Engine) -> None:
    """Go on with world model and controller together: the former on all clips, as before, both on labelled clips.

    A latent action that was learned from video alone also tells what no robot action can, such as how a thing was hit,
    and the forward model relies on it. Here it learns to do without: z is drawn towards what the controller makes of
    the action, and p is trained on that, too. [LAM] finds the same worth in robot data during pretraining; as much
    follows from few labels in LAOM (arXiv 2502.00379). Figures: those of the world model's rollouts, and `steered`, the
    error from robot actions.
    """
    choose = np.random.default_rng([schedule.seed, 1])
    generator = torch.Generator(model.device).manual_seed(schedule.seed)
    unit = change(seen, seen.steps)

    def loss() -> tuple[Tensor, dict[str, float]]:
        video, figures = latent_loss(train_world_model_rollouts, model, seen, choose, generator, unit)
        robot, found = _loss(model, *clips.labelled_share(choose, CLIPS), unit)
        return video + robot, {**figures, "steered": found["error_to_copy"], "inverse": found["inverse"]}

    parts = [
        model.inverse_dynamics,
        model.forward_model,
        model.bottleneck,
        model.controller,
        model.controller_inverse,
    ]
    for part in parts:
        part.requires_grad_(True)
    engine.optimise("joint rollouts", parts, loss, schedule, ROLLOUT_RATE, [choose, generator])


def _loss(model: WorldModel, states: Tensor, actions: Tensor, unit: float) -> tuple[Tensor, dict[str, float]]:
    latents = inferred(model, states)[0]
    meant = []

    def latent_action(step: int, state: Tensor) -> Tensor:
        meant.append(model.latent_action(actions[:, step], state))
        return meant[-1]

    imagined = model.forward_model.unroll(states[:, 0], actions.shape[1], latent_action)
    error = F.mse_loss(imagined, states[:, 1:]) / unit
    # Of all processes: a share of its own would be another unit.
    variance = gather(latents.detach()).flatten(0, 1).var(dim=0).mean().clamp(min=LEAST_CHANGE)
    match = F.mse_loss(torch.stack(meant, dim=1), latents) / variance
    before, flat = states[:, :-1].flatten(0, 1), actions.flatten(0, 1)
    back = model.robot_action(latents.detach().flatten(0, 1), before)
    inverse = F.mse_loss(back / model.action_scale, flat / model.action_scale)
    action_variance = (flat / model.action_scale).var(dim=0).mean()
    total = error + MATCH_WEIGHT * match + inverse
    if model.card.robot.cameras_move and isinstance(model.goal_distance, GoalDistance):
        # Of a whole picture most says nothing about the place, which is all that a plan is judged by.
        place = model.goal_distance.embed
        places = place(states)
        moved = max(copy_error(gather(places)), LEAST_CHANGE)
        total = total + F.mse_loss(place(imagined), places[:, 1:]) / moved
    return total, {"error_to_copy": error.item(), "inverse": inverse.item() / action_variance.item()}
