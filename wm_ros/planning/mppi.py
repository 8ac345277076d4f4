"""Model predictive path integral: every candidate counts, the better the more."""

from __future__ import annotations

import torch
from torch import Tensor

from wm_ros.planning.bounds import Bounds
from wm_ros.planning.cem import FIRST_SPREAD, normal
from wm_ros.planning.options import PlannerOptions


class Mppi:
    """A mean [K, A] with noise that never narrows.

    The mean moves to that of the candidates, weighted by exp(-cost / (temperature * spread of the costs)): measured
    by their spread, costs of any unit and size are told apart alike.
    """

    def __init__(self, bounds: Bounds, mean: Tensor, options: PlannerOptions, choices: Tensor | None) -> None:
        self._bounds, self.mean, self._temperature = bounds, mean, options.temperature

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        noise = normal((count, *self.mean.shape), generator, self.mean)
        return self._bounds.clamp(torch.addcmul(self.mean, FIRST_SPREAD * self._bounds.span, noise))

    def learn(self, elites: Tensor, elite_costs: Tensor, knots: Tensor, costs: Tensor) -> None:
        """Follow all candidates [S, K, A]; one whose cost is infinite weighs nothing."""
        usable = costs.isfinite()
        finite = torch.where(usable, costs, costs.new_zeros(()))
        count = usable.sum().clamp(min=1)
        centre = finite.sum() / count
        spread = (torch.where(usable, finite - centre, 0.0).square().sum() / count).sqrt()
        weights = torch.softmax(-costs / (self._temperature * spread).clamp(min=1e-12), dim=0)
        mean = self._bounds.clamp((weights[:, None, None] * knots).sum(dim=0))
        self.mean = torch.where(usable.any(), mean, self.mean)
