"""The search for the cheapest actions; it sees only `rollout(actions [S, H, A]) -> costs [S]`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from wm_ros.planning.bounds import Bounds
from wm_ros.planning.methods import build_method
from wm_ros.planning.options import PlannerOptions

Rollout = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Found:
    """The best candidates ever evaluated, [E, K, A] and their costs [E], best first; infinite where none was usable.

    rest [K, A]: to stand still.

    Still on the device: nothing was waited for unless early stop or deadline is on.
    """

    elites: Tensor
    costs: Tensor
    iterations: int
    rest: Tensor

    @property
    def knots(self) -> Tensor:
        """The best [K, A]; to stand still if no candidate had a finite cost."""
        return torch.where(self.costs[0].isfinite(), self.elites[0], self.rest)

    @property
    def cost(self) -> Tensor:
        return self.costs[0]


def search(
    rollout: Rollout,
    bounds: Bounds,
    options: PlannerOptions,
    generator: torch.Generator,
    *,
    warm_start: Tensor | None = None,
    proposals: Tensor | None = None,
    choices: Tensor | None = None,
    rest: Tensor | None = None,
) -> Found:
    """Minimise `rollout` over knots [K, A] within bounds.

    warm_start [K, A]: the last plan as of now. proposals [P, K, A]: more first candidates. choices [C, A]: for the
    method `categorical`. rest [K, A]: to stand still, zeros by default. generator: on the CPU. Standing still, the warm
    start and the proposals are evaluated first, then always the mean. The best of all iterations keep their costs and
    compete with the new ones; costs that are not finite never do. The time of the deadline begins with the call.
    """
    started = time.perf_counter()
    knots_each, held = options.shape
    zero = bounds.low.new_zeros(knots_each, len(bounds.low))
    rest = bounds.clamp(zero if rest is None else rest)
    mean = rest if warm_start is None else bounds.clamp(warm_start)
    method = build_method(options, bounds, mean, choices)
    head = torch.stack([rest, mean])
    if proposals is not None:
        # A network may fail; what is not a number would spread to the mean through an elite that weighs nothing.
        head = torch.cat([head, bounds.clamp(proposals.nan_to_num())])
    elites, kept = head[:0], bounds.low.new_empty(0)
    longest = best = float("inf")
    for iteration in range(options.iteration_count):
        begun = time.perf_counter()
        knots = bounds.doable(method.draw(options.batch_size, generator))
        knots[: len(head)] = head[: len(knots)]
        costs = rollout(knots.repeat_interleave(held, dim=1))
        costs = torch.where(costs.isfinite(), costs, torch.inf)
        pool, pool_costs = torch.cat([elites, knots]), torch.cat([kept, costs])
        kept, order = pool_costs.topk(min(options.elites, len(pool)), largest=False)
        elites = pool[order]
        method.learn(elites, kept, knots, costs)
        head = method.mean[None]
        if not options.early_stop and not options.deadline_s:
            continue
        before, best = best, float(kept[0])
        if iteration and options.early_stop and before - best <= options.early_stop * abs(before):
            break
        now = time.perf_counter()
        longest = now - begun if iteration == 0 else max(longest, now - begun)
        if options.deadline_s and now - started + longest > options.deadline_s:
            break
    return Found(elites, kept, iteration + 1, rest)
