"""Candidates to costs: imagine each action sequence with the world model and compare with the goal."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from wm_ros.models.goal_distance import length
from wm_ros.planning.parts import part_size, tokens_at_once

if TYPE_CHECKING:
    from wm_ros.models.planning_model import Distance

# What the length of a latent step counts beside a step of the goal distance. Without, the arm held .90 of 60 goals.
LATENT_WEIGHT = 4.0

# Actions [S, H, A] and the states it leads to [S, H, N, D], to model steps at full rate [S, H].
Missed = Callable[[Tensor, Tensor], Tensor]


class LatentRollout:
    """Cost of action sequences [S, H, A] (SI): distance from the goal, summed along the imagined horizon.

    The sum, and not the last step alone, keeps the plan from putting the approach off. The goal distance leads to the
    goal from afar, but in a scene it does not know it may take places near one another for the same; where the length
    of a latent step is known, the distance of the latents is added, which tells those apart, but saturates from afar.

    A robot that is told nothing stays. Where the model imagines that it moves, the model is wrong, and by about as much
    for every other action: that drift is taken off all candidates. Without it the plan comes to rest where an imagined
    drift would carry the robot to the goal. Where a distance is mostly that of things (it does not `rest`), what moves
    without being told may be right, and nothing is taken off.
    """

    def __init__(
        self,
        imagine: Callable[[Tensor], Tensor],
        distance: Distance,
        state: Tensor,
        goal: Tensor,
        committed: Tensor,
        share: Tensor,
        *,
        rest: Tensor | None = None,
        missed: Missed | None = None,
        chunk: int | None = None,
    ) -> None:
        """imagine: actions [S, H, A] to states [S, H, N, D] from `state` [N, D] on, which are written over. goal:
        [N, D], or [H, N, D], another one for each step. committed [H, A] and share [H]: what the robot will do anyway
        before the plan takes effect; the first `share` of each step keeps the committed action. rest [H, A]: what tells
        it to stay, zeros by default. missed: how much of each step the robot cannot do, which may be missing from all
        later states. chunk: candidates that are imagined at once, at most; by default as many as the device has room
        for.
        """
        self._imagine, self._distance, self._state, self._goal = imagine, distance, state, goal
        self.place: Tensor = distance.embed(state)
        self.goal: Tensor = distance.embed(goal)
        self._committed, self._share = committed, share[:, None]
        self._rest, self._missed = torch.zeros_like(committed) if rest is None else rest, missed
        self._chunk = chunk or max(1, tokens_at_once(state.device) // len(state))
        self._targets = None if distance.rests else (self.goal, self._goal)

    @property
    def goal_distance(self) -> Tensor:
        """From the state to the goal, in model steps at full rate; [H] for a goal of each step."""
        return length(self.place - self.goal)

    def __call__(self, actions: Tensor) -> Tensor:
        return self.distances(actions).sum(dim=1)

    def distances(self, actions: Tensor) -> Tensor:
        """Distance from the goal after each step: [S, H], in model steps."""
        parts = torch.split(self.executed(actions), part_size(len(actions), self._chunk))
        return torch.cat([self._part(part) for part in parts])

    def executed(self, actions: Tensor) -> Tensor:
        """What the robot is told [S, H, A] if one of these plans takes effect."""
        return torch.lerp(actions, self._committed, self._share)

    def _part(self, executed: Tensor) -> Tensor:
        count = len(executed)
        if self._distance.rests:
            # To stand still is one more in every part: alone it would take nearly as long as all of them.
            executed = torch.cat([executed, self._rest[None]])
        states = self._imagine(executed)
        places = self._distance.embed(states)
        if self._targets is None:
            self._targets = self.goal + (places[-1] - self.place), self._goal + (states[-1] - self._state)
        place, state = self._targets
        distances = length(places[:count] - place)
        latent_step = self._distance.latent_step
        if self._missed is not None:
            distances = distances + self._missed(executed[:count], states[:count]).cumsum(dim=1)
        if latent_step is None:
            return distances
        off = states[:count].sub_(state)  # in place: with many tokens they are the largest thing here
        summed: Tensor = distances + off.flatten(2).norm(dim=-1) * (LATENT_WEIGHT / latent_step)
        return summed


def committed_share(lead_s: float, model_dt: float, steps: int) -> Tensor:
    """Share [H] of each model step that has passed before a plan with lead time `lead_s` takes effect."""
    return (lead_s / model_dt - torch.arange(steps, dtype=torch.float32)).clamp(0.0, 1.0)
