"""Teaches an encoder where its frames were taken: of two frames of an episode, the displacement that commands made.

It is inverse dynamics over many steps ([ACT] section 5), for cameras that ride along and for the video encoder: what
redraws the picture tells the place less well than it could. In a room of 4 m a probe of the pose had a median error of
.082 m after redrawing alone, and .042 m with this.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wm_ros.data.recording import Recording
from wm_ros.models.goal_distance import GoalDistance
from wm_ros.models.world_model import WorldModel, heading_radius_of
from wm_ros.training.goal_distance import ROBUST_BEYOND, integrate_commands

WEIGHT = 0.5  # beside the error of redrawing, of which 1 is a blank picture


class Odometry(nn.Module):
    """A head that is thrown away after training, and the places [F, P] of all frames, each in its episode's own frame
    of reference; NaN where the commands are not known."""

    def __init__(self, recording: Recording, model: WorldModel) -> None:
        super().__init__()
        tokens, dim, heading_radius = model.encoder.tokens, model.encoder.dim, heading_radius_of(model.card)
        self.head = GoalDistance(
            tokens, dim, len(recording.profile.action), heading_radius=heading_radius
        ).to(model.device)
        self._poses = _poses(recording, model.action_scale.cpu(), heading_radius)

    def forward(self, states: Tensor, rows: np.ndarray) -> Tensor:
        """Error of the displacements between all frames `rows` [E, K] of each episode, in model steps; states
        [E, K, N, D] are theirs."""
        true = self._poses[torch.from_numpy(rows)].to(states.device)
        return _error(self._displacements(self.head.embed(states)), self._displacements(true))

    def standing_still(self, rows: np.ndarray) -> float:
        """The error [E, K] of taking all these displacements for none; 0 where none is known."""
        wanted = self._displacements(self._poses[torch.from_numpy(rows)])
        return _error(torch.zeros_like(wanted), wanted).item()

    def _displacements(self, places: Tensor) -> Tensor:
        """From every place of [E, K, P] to every other."""
        here, there = torch.broadcast_tensors(places.unsqueeze(2), places.unsqueeze(1))
        return self.head.displacement(here, there)


def _error(found: Tensor, wanted: Tensor) -> Tensor:
    """Mean error of displacements, in model steps, over those that are known."""
    known = ~wanted.isnan()
    error = F.smooth_l1_loss(found, wanted.nan_to_num(), beta=ROBUST_BEYOND, reduction="none")
    return (error * known).sum() / known.sum().clamp(min=1)


def _poses(recording: Recording, scale: Tensor, heading_radius: float | None) -> Tensor:
    dt, size = recording.profile.model_dt, len(scale) if heading_radius is None else 4
    found = torch.full((len(recording.stamps_ns), size), torch.nan)
    commands = recording.commands
    if commands is None:
        return found
    for index in recording.labelled_episodes:
        episode = recording.episodes[index]
        stamps = recording.stamps_ns[episode]
        if len(stamps) > 1:
            rates = commands.mean(stamps[:-1], stamps[1:])
            # Whatever the camera's rate: as rates that are held for a model step.
            held = rates * (np.diff(stamps) * 1e-9 / dt)[:, None]
            found[episode] = integrate_commands(
                torch.from_numpy(held.astype(np.float32))[None], scale, dt, heading_radius
            )[0]
    return found
