"""What the search looks among: what a planner must know of candidates, whatever they are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from wm_ros.models.planning_model import CandidateImaginer
from wm_ros.planning.bounds import Bounds
from wm_ros.planning.rollout import LatentRollout, Missed


@dataclass(frozen=True)
class Decided:
    """What the robot is told: rates [E, T, A] (SI), each held for `held` model steps, best candidate first.

    Of the best one's first step: missed, how much of it is lost on the way back to a robot action, in model steps at
    full rate; beyond, how far this action would be outside the limits, as a share of the full rate.
    """

    rates: Tensor
    held: int
    missed: Tensor
    beyond: Tensor


class Here(Protocol):
    """A space as seen from one state.

    bounds: of vectors [V]. imagine: vectors [S, H, V] to states [S, H, N, D]. missed: what of them the robot cannot do;
    None if it can do whatever is within the bounds.
    """

    @property
    def bounds(self) -> Bounds: ...

    @property
    def imagine(self) -> Callable[[Tensor], Tensor]: ...

    @property
    def missed(self) -> Missed | None: ...

    def from_actions(self, actions: Tensor) -> Tensor:
        """Robot actions [P, H, A] (SI) as vectors [P, H, V]."""
        ...

    def choices(self) -> Tensor:
        """The finite set of vectors [C, V] that there is; ValueError if there is none."""
        ...

    def decide(self, elites: Tensor, held: int, rollout: LatentRollout) -> Decided:
        """What the robot is told for knots [E, K, V] that are held for so many model steps."""
        ...


class Space(Protocol):
    """imaginer: what imagines, of which a part can be compiled."""

    @property
    def imaginer(self) -> CandidateImaginer: ...

    def here(self, observed: Tensor) -> Here:
        """As seen from the observed states [T, N, D], newest last."""
        ...
