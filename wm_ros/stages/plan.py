"""Plan: the action sequence whose imagined outcome comes closest to the goal picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wm_ros.messages.plan import Plan
from wm_ros.models.world_model import WorldModel
from wm_ros.planning.cem import CemOptions, cem, shifted
from wm_ros.planning.rollout import LatentRollout, committed_share


@dataclass(frozen=True)
class PlanResult:
    """A plan, how far the goal is now and along the plan, and the candidates the planner liked.

    goal_distance: of the observed frame, in model steps at full rate; cost: the same summed along the plan;
    candidates: float64 [E, K, A], SI.
    """

    plan: Plan
    goal_distance: float
    cost: float
    candidates: np.ndarray


class PlanStage:
    """Receding-horizon planning from the newest state; remembers the last plan for the warm start."""

    def __init__(self, model: WorldModel, options: CemOptions, seed: int) -> None:
        self._model, self._options = model, options
        self._seed = seed
        self._robot = robot = model.card.robot
        self._dt = robot.model_dt
        self._low = torch.tensor(robot.low, dtype=torch.float32, device=model.device)
        self._high = torch.tensor(robot.high, dtype=torch.float32, device=model.device)
        self._goal: Tensor | None = None
        self.reset()

    @property
    def has_goal(self) -> bool:
        return self._goal is not None

    def set_goal(self, goal: Tensor | None) -> None:
        """Where to go, as the state [N, D] of the goal picture; None forgets it. The warm start starts anew."""
        self._goal = goal
        self.reset()

    def reset(self) -> None:
        """Forget the last plan and start the random numbers anew."""
        self._generator = torch.Generator().manual_seed(self._seed)
        self._last: tuple[Plan, Tensor] | None = None

    @torch.inference_mode()
    def __call__(self, stamp_ns: int, state: Tensor, lead_s: float = 0.0) -> PlanResult:
        """Plan from the state [N, D] of the frame at `stamp_ns`.

        lead_s: seconds from that frame until the robot follows this plan; until then it follows the last one.
        Raises RuntimeError without a goal, ValueError when no candidate has a finite cost.
        """
        if self._goal is None:
            raise RuntimeError("no goal: publish `goal_image` or call `~/capture_goal` first")
        if self._last is not None and stamp_ns < self._last[0].stamp_ns:
            self._last = None  # the clock was set back
        share = committed_share(lead_s, self._dt, self._options.time_steps).to(state.device)
        rollout = LatentRollout(self._model, state, self._goal, self._committed(stamp_ns), share)
        result = cem(rollout, self._low, self._high, self._options, self._generator, self._warm(stamp_ns))
        if not np.isfinite(result.cost):
            raise ValueError(
                "every candidate has a cost that is not finite: the image or the weights are broken"
            )
        plan = self._as_plan(stamp_ns, result.knots)
        self._last = (plan, result.knots)
        return PlanResult(
            plan=plan,
            goal_distance=float(self._model.goal_distance(state, self._goal)),
            cost=result.cost,
            candidates=result.elites.double().cpu().numpy(),
        )

    def _warm(self, stamp_ns: int) -> Tensor | None:
        if self._last is None:
            return None
        plan, knots = self._last
        steps = (stamp_ns - plan.stamp_ns) * 1e-9 / self._dt
        return shifted(knots, steps, self._options.steps_per_knot)

    def _committed(self, stamp_ns: int) -> Tensor:
        """Rates [H, A] the robot follows after `stamp_ns` if no new plan comes."""
        rates = torch.zeros(self._options.time_steps, len(self._robot.names))
        if self._last is not None:
            for step in range(len(rates)):
                rate = self._last[0].rate_at(stamp_ns + round(step * self._dt * 1e9))
                if rate is None:
                    break
                rates[step] = torch.tensor(rate)
        return rates.to(self._model.device)

    def _as_plan(self, stamp_ns: int, knots: Tensor) -> Plan:
        # A limit in single precision may lie beyond the profile's.
        rates = knots.double().cpu().numpy().clip(self._robot.low, self._robot.high)
        rates = np.concatenate([rates, np.zeros_like(rates[:1])])
        times = np.arange(len(rates)) * self._options.steps_per_knot * self._dt
        return Plan(stamp_ns=stamp_ns, names=self._robot.names, rates=rates, times_s=times)
