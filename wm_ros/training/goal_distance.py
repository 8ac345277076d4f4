"""Trains the goal distance: the displacement between two frames is the sum of the commands between them, for a base
driven one after the other.

It is inverse dynamics over many steps, written as a difference so that it adds up ([ACT] section 5, k-step head). An
image-only distance, unfolding the video so that neighbouring frames are one step apart, folded the elbow at 0 rad.
"""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from wm_ros.models.goal_distance import GoalDistance
from wm_ros.models.world_model import WorldModel
from wm_ros.training.clips import Clips
from wm_ros.training.engine import Engine
from wm_ros.training.optimise import Schedule
from wm_ros.training.processes import mine

BATCH = 512
RATE = 2e-3
# Errors beyond this many steps count linearly: against a joint stop the command goes on and the robot does not.
ROBUST_BEYOND = 0.2


def train_goal_distance(model: WorldModel, clips: Clips, schedule: Schedule, engine: Engine) -> None:
    """Fit the goal distance of displacements on labelled clips of cached states; figure: `displacement` error in model
    steps."""
    choose = np.random.default_rng(schedule.seed)
    distance = cast(GoalDistance, model.goal_distance)
    scale, dt = model.action_scale, model.card.robot.model_dt
    if distance.latent_step is not None:
        distance.latent_step.fill_(latent_step(clips, scale.cpu().numpy()))

    def loss() -> tuple[Tensor, dict[str, float]]:
        states, actions = clips.labelled_share(choose, BATCH)
        reached = integrate_commands(actions, scale, dt, distance.heading_radius)
        rows = torch.arange(len(states))
        begin, end = (mine(row) for row in torch.from_numpy(choose.integers(0, states.shape[1], (2, BATCH))))
        start, stop = distance.embed(states[rows, begin]), distance.embed(states[rows, end])
        found = distance.displacement(start, stop)
        wanted = distance.displacement(reached[rows, begin], reached[rows, end])
        error = F.smooth_l1_loss(found, wanted, beta=ROBUST_BEYOND)
        return error, {"displacement": (found - wanted).abs().mean().item()}

    engine.optimise("goal distance", [model.goal_distance], loss, schedule, RATE, [choose])


def latent_step(clips: Clips, scale: np.ndarray) -> float:
    """How far a state moves for each model step at full rate that was commanded, over up to 4096 clips."""
    rows, now, then = clips.some_steps()
    commanded = np.linalg.norm(clips.known_actions[rows] / scale, axis=1).sum()
    return float((then - now).flatten(1).norm(dim=1).sum()) / commanded


def integrate_commands(actions: Tensor, scale: Tensor, dt: float, heading_radius: float | None) -> Tensor:
    """Where actions [B, T, A] (SI) lead, step by step from the origin: [B, T + 1, P] as `GoalDistance` has places."""
    rates = actions / scale
    if heading_radius is None:
        return _summed(rates)
    turned = actions[..., 1:] * dt
    heading = _summed(turned)
    # Both rates held for a step drive an arc; its chord points midway between the headings.
    chord, midway = rates[..., :1] * torch.sinc(turned / (2.0 * torch.pi)), heading[:, :-1] + turned / 2.0
    position = _summed(torch.cat([chord * midway.cos(), chord * midway.sin()], dim=-1))
    return torch.cat([position, heading_radius * heading.cos(), heading_radius * heading.sin()], dim=-1)


def _summed(steps: Tensor) -> Tensor:
    """Running sums [B, T + 1, ...] of [B, T, ...], beginning at zero."""
    return F.pad(steps.cumsum(dim=1), (0, 0, 1, 0))
