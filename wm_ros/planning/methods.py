"""The planner's methods by name; imports no torch, since the nodes' parameters list them too."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from wm_ros.planning.bounds import Bounds
    from wm_ros.planning.options import PlannerOptions

# Where each is, as `module.Class` of this folder; a straight line is CEM over one action.
METHODS = {
    "cem": "cem.Cem",
    "mppi": "mppi.Mppi",
    "straight_line": "cem.Cem",
    "categorical": "categorical.Categorical",
}


class Method(Protocol):
    """Where candidates are drawn from, and how the next ones follow from what the last ones cost."""

    mean: Tensor  # [K, A], the plan as it is now

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Candidates [count, K, A] within the bounds; generator: on the CPU."""
        ...

    def learn(self, elites: Tensor, elite_costs: Tensor, knots: Tensor, costs: Tensor) -> None:
        """Follow the best so far [E, K, A], best first, or all of this iteration [S, K, A]; costs may be infinite."""
        ...


def build_method(
    options: PlannerOptions, bounds: Bounds, mean: Tensor, choices: Tensor | None = None
) -> Method:
    """The method that the options name, beginning at a plan [K, A]; ValueError when it is unknown or lacks something.

    choices [C, A]: the finite set of actions there is, if there is one.
    """
    if options.method not in METHODS:
        raise ValueError(f"unknown planner method {options.method!r}; known: {', '.join(METHODS)}")
    module, _, name = METHODS[options.method].partition(".")
    method: Method = getattr(import_module(f"wm_ros.planning.{module}"), name)(bounds, mean, options, choices)
    return method
