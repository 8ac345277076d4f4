"""Trains the goal distance: the displacement between two frames is the sum of the commands between them.

It is inverse dynamics over many steps, written as a difference so that it adds up ([ACT] section 5, k-step head). An
image-only distance, unfolding the video so that neighbouring frames are one step apart, folded the elbow at 0 rad.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from wm_ros.models.world_model import WorldModel
from wm_ros.training.clips import Clips
from wm_ros.training.engine import Engine
from wm_ros.training.optimise import Report
from wm_ros.training.processes import mine

BATCH = 512
RATE = 2e-3
# Errors beyond this many steps count linearly: against a joint stop the command goes on and the robot does not.
ROBUST_BEYOND = 0.2


def train_goal_distance(
    model: WorldModel, clips: Clips, steps: int, seed: int, report: Report, engine: Engine
) -> None:
    """Fit the goal distance on labelled clips of cached states; figure: `displacement` error in model steps."""
    choose = np.random.default_rng(seed)
    embed, scale = model.goal_distance.embed, model.action_scale

    def loss() -> tuple[Tensor, dict[str, float]]:
        states, actions = clips.share(choose, BATCH)
        reached = F.pad((actions / scale).cumsum(dim=1), (0, 0, 1, 0))
        rows = torch.arange(len(states))
        begin, end = (mine(row) for row in torch.from_numpy(choose.integers(0, states.shape[1], (2, BATCH))))
        start, stop = embed(states[rows, begin]), embed(states[rows, end])
        wanted = reached[rows, end] - reached[rows, begin]
        error = F.smooth_l1_loss(stop - start, wanted, beta=ROBUST_BEYOND)
        return error, {"displacement": (stop - start - wanted).abs().mean().item()}

    engine.optimise("goal distance", [model.goal_distance], loss, steps, RATE, report, [choose])
