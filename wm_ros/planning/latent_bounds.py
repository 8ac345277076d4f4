"""Where latent actions are looked for."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from wm_ros.models.bottlenecks.bottleneck import Bottleneck
from wm_ros.planning.bounds import Bounds
from wm_ros.planning.cem import FIRST_SPREAD

REACH = 3.0  # standard deviations: 1 of 370 latent actions in training was further away


class LatentBounds(Bounds):
    """A box around standing still that has what the robot can do in it, filled as the bottleneck fills it.

    own [C, Z]: latent actions of the robot's actions here, standing still first; std [Z]: standard deviation of
    latent actions in training, with which a search begins. there_and_back: latent actions [B, Z] to those [B, Z] of the
    robot actions behind them.
    """

    def __init__(
        self, bottleneck: Bottleneck, own: Tensor, std: Tensor, there_and_back: Callable[[Tensor], Tensor]
    ) -> None:
        low = torch.minimum(own[0] - REACH * std, own.amin(dim=0))
        super().__init__(low, torch.maximum(own[0] + REACH * std, own.amax(dim=0)))
        self.span = std / FIRST_SPREAD
        self._bottleneck, self._rest, self._std = bottleneck, own[0], std
        self._there_and_back = there_and_back

    def clamp(self, actions: Tensor) -> Tensor:
        """The nearest latent actions that the bottleneck has; standing still is always one more."""
        inside = super().clamp(actions)
        valid = self._bottleneck.valid(inside)
        off, from_rest = ((inside - z).norm(dim=-1, keepdim=True) for z in (valid, self._rest))
        return torch.where(off <= from_rest, valid, self._rest)

    def doable(self, drawn: Tensor) -> Tensor:
        """Those of the robot actions behind them: hardly any that a bottleneck allows is one that the robot can do."""
        return self._there_and_back(drawn.flatten(0, -2)).view_as(drawn)

    def uniform(self, count: int, generator: torch.Generator) -> Tensor:
        """Latent actions [count, Z] as the bottleneck has them, within."""
        return self.clamp(self._bottleneck.sample(count, self._rest, self._std, generator))
