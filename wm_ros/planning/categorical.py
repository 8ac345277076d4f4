"""Cross-entropy method over a finite set of actions, such as those behind the codes of a discrete latent action."""

from __future__ import annotations

import torch
from torch import Tensor

from wm_ros.models.to_device import to_device
from wm_ros.planning.bounds import Bounds
from wm_ros.planning.options import PlannerOptions

UNIFORM = 0.1  # share of the candidates' knots that stay free, lest the search close too early


class Categorical:
    """For each of K knots the probability of each of the `choices` [C, A].

    Any knots may be among the elites: each counts for the choice that is nearest to it.
    """

    def __init__(self, bounds: Bounds, mean: Tensor, options: PlannerOptions, choices: Tensor | None) -> None:
        if choices is None:
            raise ValueError(
                "method 'categorical' needs a finite set of actions: a model with a discrete bottleneck"
            )
        self._choices = bounds.clamp(choices.nan_to_num())
        self.mean = mean
        self._shares = mean.new_full((len(mean), len(choices)), 1.0 / len(choices))

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        level = to_device(torch.rand(len(self.mean), count, generator=generator), self.mean.device)
        chosen = torch.searchsorted(self._shares.cumsum(dim=1), level).clamp(max=len(self._choices) - 1)
        return self._choices[chosen.T]

    def learn(self, elites: Tensor, elite_costs: Tensor, knots: Tensor, costs: Tensor) -> None:
        """Follow the elites [E, K, A], best first; one whose cost is infinite says nothing."""
        usable = elite_costs.isfinite()
        nearest = torch.cdist(elites.transpose(0, 1).contiguous(), self._choices).argmin(dim=2)  # [K, E]
        votes = torch.zeros_like(self._shares).scatter_add_(1, nearest, usable.to(elites).expand_as(nearest))
        shares = torch.lerp(
            votes / usable.sum().clamp(min=1), torch.full_like(votes, 1 / votes.shape[1]), UNIFORM
        )
        self._shares = torch.where(usable[0], shares, self._shares)
        self.mean = torch.where(usable[0], self._choices[self._shares.argmax(dim=1)], self.mean)
