"""Cross-entropy method: candidates from a normal distribution that is fitted to the best of them."""

from __future__ import annotations

import torch
from torch import Tensor

from wm_ros.models.to_device import to_device
from wm_ros.planning.bounds import Bounds
from wm_ros.planning.options import PlannerOptions

# A standard deviation that never closes keeps the search alive near the goal; share of the action range.
MIN_SPREAD = 0.02
FIRST_SPREAD = 0.35


class Cem:
    """A normal distribution of knots [K, A], independent in each number.

    A third of the first candidates hold one action over the horizon: far goals are found among them.
    """

    def __init__(self, bounds: Bounds, mean: Tensor, options: PlannerOptions, choices: Tensor | None) -> None:
        self._bounds, self.mean = bounds, mean
        self._std = (FIRST_SPREAD * bounds.span).expand_as(mean)
        self._held = True

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        noise = normal((count, *self.mean.shape), generator, self.mean)
        knots = torch.addcmul(self.mean, self._std, noise)
        if self._held:
            self._held = False
            held = count // 3
            knots[count - held :] = self._bounds.uniform(held, generator)[:, None]
        return self._bounds.clamp(knots)

    def learn(self, elites: Tensor, elite_costs: Tensor, knots: Tensor, costs: Tensor) -> None:
        """Follow the elites [E, K, A], best first; one whose cost is infinite says nothing."""
        usable = elite_costs.isfinite()
        share = (usable / usable.sum().clamp(min=1))[:, None, None]
        centre = (share * elites).sum(dim=0)
        width = (share * (elites - centre).square()).sum(dim=0).sqrt()
        width = torch.maximum(width, MIN_SPREAD * self._bounds.span)
        # Rounding may carry the mean of equal numbers past them.
        self.mean = torch.where(usable[0], self._bounds.clamp(centre), self.mean)
        self._std = torch.where(usable[0], width, self._std)


def normal(shape: tuple[int, ...], generator: torch.Generator, like: Tensor) -> Tensor:
    """Standard normal numbers, drawn on the CPU so that a seed means the same on every device; never waits."""
    return to_device(torch.randn(shape, generator=generator), like.device)
