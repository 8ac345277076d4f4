"""Teaches an encoder where its frames were taken: of two frames of an episode, the displacement that commands made.

A camera that rides along sees as much of the surroundings when it stands elsewhere: what redraws the picture need not
tell the place. Redrawing alone left a probe with .67 m of error in a room of 4 m.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wm_ros.data.recording import Recording
from wm_ros.models.goal_distance import GoalDistance
from wm_ros.training.goal_distance import ROBUST_BEYOND, places

WEIGHT = 0.1  # beside the error of redrawing, of which 1 is a blank picture


class Odometry(nn.Module):
    """A head that is thrown away after training, and the places [F, P] of all frames, each in its episode's own frame
    of reference; NaN where the commands are not known."""

    def __init__(self, recording: Recording, head: GoalDistance, scale: Tensor) -> None:
        super().__init__()
        self.head = head
        size = head.embed(torch.zeros(1, head.tokens, head.dim)).shape[-1]
        found = torch.full((len(recording.stamps_ns), size), torch.nan)
        for index in recording.labelled_episodes:
            episode = recording.episodes[index]
            stamps = recording.stamps_ns[episode]
            if len(stamps) < 2:
                continue
            seconds = np.diff(stamps) * 1e-9
            rates = recording.commands.mean(stamps[:-1], stamps[1:])
            # As if every step took a model step.
            steps = rates * (seconds / recording.profile.model_dt)[:, None]
            actions = torch.from_numpy(steps.astype(np.float32))[None]
            found[episode] = places(actions, scale, recording.profile.model_dt, head.circle)[0]
        self._places = found

    def forward(self, states: Tensor, rows: np.ndarray) -> Tensor:
        """Error of the displacements between neighbours [E, K] of an episode's frames `rows` [E, K], in model steps;
        states [E, K, N, D] are theirs."""
        true = self._places[torch.from_numpy(rows)].to(states.device)
        seen = self.head.embed(states)
        wanted = self.head.displacement(true, true.roll(1, dims=1))
        found = self.head.displacement(seen, seen.roll(1, dims=1))
        known = ~wanted.isnan()
        error = F.smooth_l1_loss(found, wanted.nan_to_num(), beta=ROBUST_BEYOND, reduction="none")
        return (error * known).sum() / known.sum().clamp(min=1)
