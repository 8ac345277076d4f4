"""What `wm_ros drive` does, as a policy in lockstep: one goal after the other, or a demonstration, and a stop."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from wm_ros.data.exploration import held_plan
from wm_ros.messages.plan import Plan
from wm_ros.models.world_model import WorldModel
from wm_ros.planning.options import PlannerOptions
from wm_ros.stages.encode import Encode
from wm_ros.stages.plan import PlanStage
from wm_ros.stages.sequence import GoalSequence, SequenceOptions

STILL_S = 0.2


class Sequenced:
    """Plans for a sequence of goals, each until it is reached and held, or for a demonstration; then stands still.

    goals: latents [N, D], or one demonstration [T, N, D], a model step apart.
    """

    def __init__(
        self,
        model: WorldModel,
        planner: PlannerOptions,
        goals: list[Tensor],
        options: SequenceOptions,
        latency_s: float,
        seed: int,
    ) -> None:
        self._encode, self._latency_s, self._goals = Encode(model), latency_s, goals
        self._names = model.card.robot.names
        self.stage = PlanStage(model, planner, seed)
        self.sequence = GoalSequence(options, len(goals))
        self._shown = 0

    @property
    def over(self) -> bool:
        """Whether the sequence has ended, so that the guard stops the robot."""
        return self._shown > 0 and not self.sequence.running

    def __call__(self, stamp_ns: int, frame: np.ndarray) -> Plan:
        now_s, sequence = stamp_ns * 1e-9, self.sequence
        if not self._shown:
            sequence.start(now_s)
        sequence.tick(now_s, "active")
        if self.over:
            return held_plan(stamp_ns, self._names, np.zeros(len(self._names)), STILL_S)
        if sequence.shows != self._shown:
            self._shown = sequence.shows
            goal = self._goals[sequence.number]
            if goal.dim() == 2:
                self.stage.set_goal(goal)
            else:
                self.stage.set_demonstration(goal, sequence.options.reached)
        result = self.stage(stamp_ns, self._encode(frame), self._latency_s)
        sequence.measure(now_s, result.goal_distance)
        return result.plan


class Replayed:
    """The rates [F, A] that were told, one a frame, whatever is seen."""

    def __init__(self, names: tuple[str, ...], rates: np.ndarray, period_s: float) -> None:
        self._names, self._rates, self._period_s = names, list(rates), period_s

    @property
    def over(self) -> bool:
        return not self._rates

    def __call__(self, stamp_ns: int, frame: np.ndarray) -> Plan:
        rates = self._rates.pop(0) if self._rates else np.zeros(len(self._names))
        return held_plan(stamp_ns, self._names, rates, self._period_s)
