"""Temporal distance: whether two states are likely to follow upon one another soon, as learned from video alone."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wm_ros.models.blocks import three_layers

WIDTH, PLACES = 256, 32


class TemporalDistance(nn.Module):
    """Places states near one another that follow soon upon one another in video, whatever was commanded.

    It is the distance for robots that move things: where a thing lies tells for seconds which states belong together,
    where the robot itself is for a fraction of one, so that most of the distance is that of the things. The embedding
    [..., 32] of a state [..., N, D] is in units of what one model step changes on average (`step`, which training
    measures).
    """

    step: Tensor
    displaces = False  # its places are no displacements of the robot
    rests = False  # what was pushed may go on
    latent_step: Tensor | None = None

    def __init__(self, tokens: int, dim: int) -> None:
        super().__init__()
        self.network = nn.Sequential(nn.Flatten(-2), *three_layers(tokens * dim, WIDTH, PLACES))
        self.log_scale = nn.Parameter(torch.zeros(()))  # of likeness, for training
        self.register_buffer("step", torch.ones(()))

    def embed(self, states: Tensor) -> Tensor:
        """Places [..., 32] of states [..., N, D], in model steps."""
        places: Tensor = self.network(states)
        return places / self.step

    def forward(self, states: Tensor, goal: Tensor) -> Tensor:
        """Steps [...] from states [..., N, D] to a goal [N, D]."""
        return (self.embed(states) - self.embed(goal)).norm(dim=-1)
