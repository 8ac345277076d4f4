"""Plan: the action sequence whose imagined outcome comes closest to the goal picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wm_ros.messages.plan import Plan
from wm_ros.models.action_conditioned.model import ActionConditionedModel
from wm_ros.models.compiled import warm_up
from wm_ros.models.planning_model import CandidateImaginer, PlanningModel
from wm_ros.models.to_device import to_device
from wm_ros.models.world_model import WorldModel
from wm_ros.planning.demonstration import Demonstration
from wm_ros.planning.options import PlannerOptions
from wm_ros.planning.proposals import by_displacement, by_way_back
from wm_ros.planning.rollout import LatentRollout, committed_share
from wm_ros.planning.search import Found, search
from wm_ros.planning.space import Decided, Here
from wm_ros.planning.spaces import build_space
from wm_ros.planning.warm_start import shifted
from wm_ros.stages.follow import Follower
from wm_ros.stages.latent_history import LatentHistory


@dataclass(frozen=True)
class PlanResult:
    """A plan, how far the goal is now and along the plan, and the candidates the planner liked.

    goal_distance: of the observed frame, in model steps at full rate, of a demonstration `Follower.left`; cost: of the
    plan, as `LatentRollout` has it; candidates: float64 [E, T, A], SI, best first. missed and beyond: of the first
    step, see `planning.space.Decided`.
    """

    plan: Plan
    goal_distance: float
    cost: float
    candidates: np.ndarray
    missed: float = 0.0
    beyond: float = 0.0


@dataclass(frozen=True)
class Imagined:
    """What a plan was made from: states [T, N, D], its rates [1, T, A], each held for so many model steps, and what the
    robot does anyway, as `LatentRollout` has it."""

    observed: Tensor
    rates: Tensor
    held: int
    committed: Tensor
    share: Tensor

    @property
    def executed(self) -> Tensor:
        """The actions [1, H, A] that are expected."""
        return torch.lerp(self.rates.repeat_interleave(self.held, dim=1), self.committed, self.share[:, None])


class PlanStage:
    """Receding-horizon planning from the newest latent; remembers the last plan for the warm start.

    precision: of the networks that imagine, torch.float32 or what `planning.precision` found good enough. compiled:
    they are, with torch.compile, by `warm_up`, which must come before the first plan. chunk: candidates that are
    imagined at once, at most; by default as many as the device has room for.
    """

    def __init__(
        self,
        model: PlanningModel,
        options: PlannerOptions,
        seed: int,
        precision: torch.dtype = torch.float32,
        compiled: bool = False,
        chunk: int | None = None,
    ) -> None:
        self._model, self._options, self._chunk = model, options, chunk
        self._space = build_space(options.space, model, precision, compiled)
        self._seed = seed
        self._robot = robot = model.card.robot
        self._dt = robot.model_dt
        self._history = LatentHistory(options.context_frames, round(robot.model_dt * 1e9))
        self._goal: Tensor | None = None
        self.follower: Follower | None = None
        self.reset()

    @property
    def imaginer(self) -> CandidateImaginer:
        """What imagines; its `roll` can be compiled."""
        return self._space.imaginer

    @property
    def has_goal(self) -> bool:
        return self._goal is not None

    def set_goal(self, goal: Tensor | None) -> None:
        """Where to go, as the latent [N, D] of the goal picture; None forgets it. The warm start starts anew."""
        self._goal, self.follower = goal, None
        self.reset()

    @torch.inference_mode()
    def set_demonstration(self, states: Tensor, tolerance: float) -> None:
        """What to imitate in place of a goal: states [T, N, D] one model step apart. tolerance: see `Follower`.

        Raises ValueError for a model that infers no latent actions, and for less than two states.
        """
        if not isinstance(self._model, WorldModel):
            raise ValueError(
                "a demonstration cannot be imitated with this model, which infers no latent actions: give its frames "
                "as goals, with `wm_ros drive --goals`"
            )
        self.set_goal(states[-1])
        self.follower = Follower(Demonstration(self._model, states), tolerance)

    def reset(self) -> None:
        """Forget the last plan and what was seen, and start the random numbers anew."""
        self._generator = torch.Generator().manual_seed(self._seed)
        self._history.reset()
        self._last: tuple[Plan, Tensor] | None = None
        self._imagined: Imagined | None = None
        self._end: Tensor | None = None

    def warm_up(self) -> None:
        """Plan with everything there can be before the first real plan, and compile nothing after; forgets the goal.

        Takes minutes where it compiles. Raises CompileError.
        """
        latent = torch.zeros(self._model.encoder.tokens, self._model.encoder.dim, device=self._model.device)

        def plans() -> None:
            self.reset()
            for step in range(self._options.context_frames):
                self(round(step * self._dt * 1e9), latent)

        if isinstance(self._model, ActionConditionedModel):
            self._model.at([0.0] * 7)
        self.set_goal(latent)
        try:
            warm_up(self._space.imaginer.roll, plans)
        finally:
            self.set_goal(None)
            if isinstance(self._model, ActionConditionedModel):
                self._model.forget_pose()

    @torch.inference_mode()
    def __call__(self, stamp_ns: int, latent: Tensor, lead_s: float = 0.0) -> PlanResult:
        """Plan from the latent [N, D] of the frame at `stamp_ns`.

        lead_s: seconds from that frame until the robot follows this plan; until then it follows the last one.
        Raises RuntimeError without a goal, ValueError when no candidate has a finite cost.
        """
        if self._goal is None:
            raise RuntimeError("no goal: publish `goal_image` or call `~/capture_goal` first")
        if self._last is not None and stamp_ns < self._last[0].stamp_ns:
            self._last = None  # the clock was set back
        goal = self._aim(stamp_ns, latent, self._goal)
        committed = self._committed(stamp_ns)
        share = to_device(committed_share(lead_s, self._dt, self._options.time_steps), latent.device)
        held = self._options.shape[1]
        observed = self._history(stamp_ns, latent)
        here = self._space.here(observed)
        expected, rest = here.from_actions(torch.stack([committed, torch.zeros_like(committed)])).unbind()
        rollout = LatentRollout(
            here.imagine,
            self._model.goal_distance,
            latent,
            goal,
            expected,
            share,
            rest=rest,
            missed=here.missed,
            chunk=self._chunk,
        )
        proposals = self._proposals(latent, goal, rollout, share @ committed)
        if proposals is not None:
            proposals = here.from_actions(proposals.repeat_interleave(held, dim=1))[:, ::held]
        warm_start = self._warm(stamp_ns, rest[0])
        if warm_start is not None:
            # A latent action that the robot could do a moment ago it may be unable to do from here.
            warm_start = here.bounds.doable(warm_start)
        if self.follower is not None and self.follower.near:
            # The search starts from what was demonstrated; what it would have started from becomes a proposal.
            known = [] if proposals is None else [*proposals]
            proposals = torch.stack([*known, rest[::held] if warm_start is None else warm_start])
            warm_start = self._demonstrated(self.follower, here)
        found = search(
            rollout,
            here.bounds,
            self._options,
            self._generator,
            warm_start=warm_start,
            proposals=proposals,
            choices=here.choices() if self._options.method == "categorical" else None,
            rest=rest[::held],
        )
        decided = here.decide(found.elites, held, rollout)
        left = rollout.goal_distance if self.follower is None else latent.new_tensor(self.follower.left)
        result = self._result(stamp_ns, found, decided, left)
        # Kept, and imagined only if somebody asks.
        self._imagined = Imagined(observed, decided.rates[:1], decided.held, committed, share)
        return result

    @torch.inference_mode()
    def expected_end(self) -> Tensor | None:
        """The state [N, D] in which the model expects the last plan to end; None without one.

        For people to look at: imagined anew for this one candidate, in the networks' own precision, when it is first
        asked for. No plan depends on it.
        """
        if self._imagined is not None:
            imagine = self._model.imaginer()(self._imagined.observed)
            self._end = imagine(self._imagined.executed)[0, -1]
            self._imagined = None
        return self._end

    def _result(self, stamp_ns: int, found: Found, decided: Decided, goal_distance: Tensor) -> PlanResult:
        # All at once: the only time that the host waits for the device.
        single = torch.stack([goal_distance, decided.missed, decided.beyond])
        flat = torch.cat([single, found.costs, decided.rates.flatten()]).cpu()
        count = len(found.costs)
        costs, elites = flat[3 : count + 3], flat[count + 3 :].view(decided.rates.shape)
        usable = costs.isfinite()
        if not usable[0]:
            raise ValueError(
                "every candidate has a cost that is not finite: the image or the weights are broken"
            )
        plan = self._as_plan(stamp_ns, elites[0].double().numpy(), decided.held)
        self._last = (plan, found.elites[0])
        candidates = elites[usable].double().numpy()
        distance, missed, beyond = flat[:3].tolist()
        return PlanResult(plan, distance, float(costs[0]), candidates, missed, beyond)

    def _aim(self, stamp_ns: int, latent: Tensor, goal: Tensor) -> Tensor:
        """The goal [N, D] or, of a demonstration, what comes next in it [H, N, D]."""
        if self.follower is None:
            return goal
        passed = 0.0 if self._last is None else (stamp_ns - self._last[0].stamp_ns) * 1e-9 / self._dt
        self.follower(self._model.goal_distance.embed(latent), passed)
        return self.follower.goals(self._options.time_steps)

    def _demonstrated(self, follower: Follower, here: Here) -> Tensor:
        """Knots [K, V] of what was done in the demonstration from here on."""
        knots, held = self._options.shape
        actions = follower.demonstration.knots(follower.at, knots, held)
        return here.from_actions(actions.repeat_interleave(held, dim=0)[None])[0, ::held]

    def _warm(self, stamp_ns: int, rest: Tensor) -> Tensor | None:
        if self._last is None or not self._options.warm_start:
            return None
        plan, knots = self._last
        steps = (stamp_ns - plan.stamp_ns) * 1e-9 / self._dt
        return shifted(knots, steps / self._options.shape[1], rest)

    def _proposals(
        self, latent: Tensor, goal: Tensor, rollout: LatentRollout, committed: Tensor
    ) -> Tensor | None:
        if not self._options.proposals or not isinstance(self._model, WorldModel):
            return None
        scale, shape = self._model.action_scale, self._options.shape
        place = rollout.goal
        if goal.dim() == 3:  # one for each step
            goal, place = goal[-1], place[-1]
        back = by_way_back(self._model, latent, goal, *shape)
        if not self._model.goal_distance.displaces:
            return back
        left = place - rollout.place - committed / scale
        return torch.cat([by_displacement(left, *shape) * scale, back])

    def _committed(self, stamp_ns: int) -> Tensor:
        """Rates [H, A] the robot follows after `stamp_ns` if no new plan comes."""
        rates = torch.zeros(self._options.time_steps, len(self._robot.names))
        if self._last is not None:
            for step in range(len(rates)):
                rate = self._last[0].rate_at(stamp_ns + round(step * self._dt * 1e9))
                if rate is None:
                    break
                rates[step] = torch.tensor(rate)
        return to_device(rates, self._model.device)

    def _as_plan(self, stamp_ns: int, knots: np.ndarray, held: int) -> Plan:
        # A limit in single precision may lie beyond the profile's.
        rates = knots.clip(self._robot.low, self._robot.high)
        rates = np.concatenate([rates, np.zeros_like(rates[:1])])
        times = np.arange(len(rates)) * held * self._dt
        return Plan(stamp_ns=stamp_ns, names=self._robot.names, rates=rates, times_s=times)
