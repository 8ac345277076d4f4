"""Cross-entropy method over bounded action sequences."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Rollout = Callable[[Tensor], Tensor]
# A spread that never closes keeps the search alive near the goal; share of the action range.
MIN_SPREAD = 0.02
FIRST_SPREAD = 0.35


@dataclass(frozen=True)
class CemOptions:
    """How hard CEM looks: candidates per iteration, iterations, elites, knots and steps per knot.

    A candidate is `knots` actions, each held for `steps_per_knot` model steps.
    """

    batch_size: int = 64
    iteration_count: int = 2
    elites: int = 8
    knots: int = 5
    steps_per_knot: int = 2

    @property
    def time_steps(self) -> int:
        """Horizon in model steps."""
        return self.knots * self.steps_per_knot


@dataclass(frozen=True)
class CemResult:
    """Best knots found [K, A], their cost, and the elites of the last iteration [E, K, A], best first."""

    knots: Tensor
    cost: float
    elites: Tensor


def cem(
    rollout: Rollout,
    low: Tensor,
    high: Tensor,
    options: CemOptions,
    generator: torch.Generator,
    warm_start: Tensor | None = None,
) -> CemResult:
    """Minimise `rollout` over knots within [low, high]; the best candidate ever evaluated is returned.

    rollout: actions [S, H, A] -> costs [S]; costs that are not finite are never elites, and without a finite one the
    result is the zero action at infinite cost. low, high: [A]. warm_start: knots [K, A] of
    the last plan, already shifted. generator: on the CPU, whatever the device, so that a
    seed means the same everywhere. The zero action, the warm start and the best so far are always candidates.
    """
    actions, span = len(low), high - low
    zero = low.new_zeros(options.knots, actions).clamp(low, high)
    mean = zero if warm_start is None else warm_start.clamp(low, high)
    spread = (FIRST_SPREAD * span).expand(options.knots, -1)
    best, best_cost = zero, low.new_tensor(torch.inf)
    for iteration in range(options.iteration_count):
        noise = torch.randn(options.batch_size, options.knots, actions, generator=generator).to(low)
        knots = (mean + spread * noise).clamp(low, high)
        knots[0], knots[1], knots[2] = zero, mean, (mean if iteration == 0 else best)
        if iteration == 0:
            _hold_constant(knots[3 : 3 + options.batch_size // 3], low, high, generator)
        costs = rollout(knots.repeat_interleave(options.steps_per_knot, dim=1))
        costs = torch.where(costs.isfinite(), costs, torch.inf)
        order = costs.argsort()[: options.elites]
        elites, usable = knots[order], costs[order].isfinite()
        share = (usable / usable.sum().clamp(min=1))[:, None, None]
        centre = (share * elites).sum(dim=0)
        width = (share * (elites - centre).square()).sum(dim=0).sqrt().clamp(min=MIN_SPREAD * span)
        # Rounding may carry the mean of equal numbers past them.
        mean = torch.where(usable[0], centre.clamp(low, high), mean)
        spread = torch.where(usable[0], width, spread)
        better = costs[order[0]] < best_cost
        best, best_cost = (
            torch.where(better, elites[0], best),
            torch.where(better, costs[order[0]], best_cost),
        )
    return CemResult(best, float(best_cost), elites[usable])


def _hold_constant(knots: Tensor, low: Tensor, high: Tensor, generator: torch.Generator) -> None:
    """Make these candidates hold one action over the horizon: far goals are found among them."""
    held = low + (high - low) * torch.rand(len(knots), 1, len(low), generator=generator).to(low)
    knots.copy_(held.clamp(low, high).expand_as(knots))


def shifted(knots: Tensor, steps: float, steps_per_knot: int) -> Tensor:
    """The plan `steps` model steps later, to the nearest knot: knots [K, A], zero past the end."""
    # One shift for all knots: rounding each position would skip every other knot half-way between two.
    passed = min(math.floor(steps / steps_per_knot + 0.5), len(knots))
    return torch.cat([knots[passed:], torch.zeros_like(knots[:passed])])
