"""Goal distance: how many model steps at full rate lie between two states."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wm_ros.models.blocks import three_layers


class GoalDistance(nn.Module):
    """Places every state where the robot's own commands say it is, and measures there.

    Distances between latents saturate as soon as two pictures of the robot no longer overlap, and a planner that
    follows them stops half-way. The embedding [..., P] of a state [..., N, D] is its place, in model steps at full
    rate. For joints it has one number per action component: the difference of two places is the displacement between
    the two states. For a base it is the position in some frame of the surroundings and the heading as a point on a
    circle [..., 4].

    displaces: whether places are displacements of the components of an action. heading_radius: that of this circle, for
    a base; None for joints. latent_step: how far a state of joints moves in a model step at full rate, as training
    found it; infinite before, None for a base.
    """

    rests = True
    latent_step: Tensor | None

    def __init__(
        self, tokens: int, dim: int, actions: int, width: int = 256, heading_radius: float | None = None
    ) -> None:
        super().__init__()
        self.heading_radius, self.displaces = heading_radius, heading_radius is None
        self.register_buffer("latent_step", torch.tensor(torch.inf) if heading_radius is None else None)
        self.embed = nn.Sequential(
            nn.Flatten(-2),
            *three_layers(tokens * dim, width, actions if heading_radius is None else 4),
            *(() if heading_radius is None else (_Heading(heading_radius),)),
        )

    def forward(self, states: Tensor, goal: Tensor) -> Tensor:
        """Steps [...] from states [..., N, D] to a goal [N, D], smooth at zero."""
        return length(self.embed(states) - self.embed(goal))

    def displacement(self, start: Tensor, stop: Tensor) -> Tensor:
        """From places [..., P] to places; for a base as seen from the first, its position ahead and to the left."""
        if self.heading_radius is None:
            return stop - start
        east, north = (start[..., 2:] / self.heading_radius).unbind(dim=-1)
        moved, heading = stop[..., :2] - start[..., :2], stop[..., 2:]
        seen = [
            torch.stack([east * x + north * y, east * y - north * x], dim=-1)
            for x, y in (moved.unbind(dim=-1), heading.unbind(dim=-1))
        ]
        return torch.cat(seen, dim=-1)


class _Heading(nn.Module):
    """Puts the last two of four numbers on a circle."""

    def __init__(self, radius: float) -> None:
        super().__init__()
        self._radius = radius

    def forward(self, place: Tensor) -> Tensor:
        return torch.cat([place[..., :2], self._radius * F.normalize(place[..., 2:], dim=-1)], dim=-1)


def length(displacement: Tensor) -> Tensor:
    """Length [...] of displacements [..., A], smooth at zero."""
    return displacement.square().sum(dim=-1).add(1e-6).sqrt()
