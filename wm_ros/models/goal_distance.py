"""Goal distance: how many model steps at full rate lie between two states."""

from __future__ import annotations

from torch import Tensor, nn


class GoalDistance(nn.Module):
    """Places every state where the robot's own commands say it is, and measures there.

    Distances between latents saturate as soon as two pictures of the robot no longer overlap, and a planner that
    follows them stops half-way. The embedding [..., A] of a state [..., N, D] is in model steps at full rate, one
    number per action component: the difference of two embeddings is the displacement between the two states.
    """

    def __init__(self, tokens: int, dim: int, actions: int, width: int = 256) -> None:
        super().__init__()
        self.embed = nn.Sequential(
            nn.Flatten(-2),
            nn.Linear(tokens * dim, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, actions),
        )

    def forward(self, states: Tensor, goal: Tensor) -> Tensor:
        """Steps [...] from states [..., N, D] to a goal [N, D], smooth at zero."""
        return length(self.embed(states) - self.embed(goal))


def length(displacement: Tensor) -> Tensor:
    """Length [...] of displacements [..., A], smooth at zero."""
    return displacement.square().sum(dim=-1).add(1e-6).sqrt()
