"""Candidates to costs: imagine each action sequence with the world model and compare with the goal."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from wm_ros.models.goal_distance import length

# What is imagined at once, in tokens of a frame: bounds the memory, whatever the number of candidates.
CHUNK_TOKENS = 4096


class LatentRollout:
    """Cost of action sequences [S, H, A] (SI): goal distance, summed along the imagined horizon.

    The sum, and not the last step alone, keeps the plan from putting the approach off.

    A robot that is told nothing stays. Where the model imagines that it moves, the model is wrong, and by about as much
    for every other action: that drift is taken off all candidates. Without it the plan comes to rest where an imagined
    drift would carry the robot to the goal.
    """

    def __init__(
        self,
        imagine: Callable[[Tensor], Tensor],
        place: Callable[[Tensor], Tensor],
        state: Tensor,
        goal: Tensor,
        committed: Tensor,
        share: Tensor,
        chunk: int | None = None,
    ) -> None:
        """imagine: actions [S, H, A] to states [S, H, N, D] from `state` [N, D] on. place: states [..., N, D] to where
        they are, [..., A], as GoalDistance.embed does. committed [H, A] and share [H]: what the robot will do anyway
        before the plan takes effect; the first `share` of each step keeps the committed action. chunk: candidates that
        are imagined at once; by default as many as have 4096 tokens a frame.
        """
        self._imagine, self._embed = imagine, place
        self.place, self.goal = place(torch.stack([state, goal])).unbind()
        self._committed, self._share = committed, share[:, None]
        self._chunk = chunk or max(1, CHUNK_TOKENS // len(state))
        self._target: Tensor | None = None

    @property
    def goal_distance(self) -> Tensor:
        """From the state to the goal, in model steps at full rate."""
        return length(self.place - self.goal)

    def __call__(self, actions: Tensor) -> Tensor:
        return self.distances(actions).sum(dim=1)

    def distances(self, actions: Tensor) -> Tensor:
        """Goal distance after each step: [S, H], in model steps."""
        executed = torch.lerp(actions, self._committed, self._share)
        return torch.cat([self._part(part) for part in executed.split(self._chunk)])

    def _part(self, executed: Tensor) -> Tensor:
        # To stand still is one more in every part: alone it would take nearly as long as all of them.
        places = self._embed(self._imagine(torch.cat([executed, torch.zeros_like(executed[:1])])))
        if self._target is None:
            self._target = self.goal + (places[-1] - self.place)
        return length(places[:-1] - self._target)


def committed_share(lead_s: float, model_dt: float, steps: int) -> Tensor:
    """Share [H] of each model step that has passed before a plan with lead time `lead_s` takes effect."""
    return (lead_s / model_dt - torch.arange(steps, dtype=torch.float32)).clamp(0.0, 1.0)
