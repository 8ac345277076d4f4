"""Whether bf16 is good enough to plan with: measured on the loaded weights, never assumed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from wm_ros.planning.options import PlannerOptions
from wm_ros.planning.rollout import LatentRollout

if TYPE_CHECKING:
    from wm_ros.models.planning_model import PlanningModel

CANDIDATES, ELITES, STEPS = 64, 10, 3
LEAST_OVERLAP, LEAST_SPREAD, LEAST_SPEEDUP = 8, 10.0, 1.2
TURNS = 3


@dataclass(frozen=True)
class Compared:
    """overlap: of the ten best candidates in fp32, how many are in bf16; spread: of the costs, over that of what bf16
    changes in them; speedup: times as fast as fp32."""

    overlap: int
    spread: float
    speedup: float

    @property
    def bf16(self) -> bool:
        """Whether to plan with it."""
        good = self.overlap >= LEAST_OVERLAP and self.spread >= LEAST_SPREAD
        return good and self.speedup >= LEAST_SPEEDUP

    def __str__(self) -> str:
        return (
            f"{'bf16' if self.bf16 else 'fp32'}: in bf16 {self.overlap} of the {ELITES} best candidates stay (needed: "
            f"{LEAST_OVERLAP}), costs spread {self.spread:.0f} times their noise ({LEAST_SPREAD:.0f}), "
            f"{self.speedup:.2f} times as fast as fp32 ({LEAST_SPEEDUP})"
        )


@torch.inference_mode()
def compare_precisions(model: PlanningModel, options: PlannerOptions) -> Compared:
    """Cost random candidates between random states in both precisions, in turns.

    States are standard normal numbers: encoders here give normalised tokens.
    """
    generator = torch.Generator().manual_seed(0)
    state, goal = torch.randn(2, model.encoder.tokens, model.encoder.dim, generator=generator).to(
        model.device
    )
    steps = min(STEPS, options.time_steps)
    low, high = (
        torch.tensor(limit, dtype=torch.float32) for limit in (model.card.robot.low, model.card.robot.high)
    )
    actions = low + (high - low) * torch.rand(CANDIDATES, steps, len(low), generator=generator)
    actions = actions.to(model.device)
    nothing = torch.zeros(steps, len(low), device=model.device), torch.zeros(steps, device=model.device)
    imaginers = {kind: model.imaginer(kind) for kind in (torch.float32, torch.bfloat16)}

    def costs(kind: torch.dtype) -> Tensor:
        imagine = imaginers[kind](state[None])
        return LatentRollout(imagine, model.goal_distance, state, goal, *nothing)(actions).cpu()

    exact, rounded = (costs(kind) for kind in imaginers)  # these warm up too
    seconds = dict.fromkeys(imaginers, float("inf"))
    for _ in range(TURNS):
        for kind in imaginers:
            started = time.perf_counter()
            costs(kind)
            seconds[kind] = min(seconds[kind], time.perf_counter() - started)
    best = [set(one.topk(ELITES, largest=False).indices.tolist()) for one in (exact, rounded)]
    noise = float((rounded - exact).std())
    return Compared(
        overlap=len(best[0] & best[1]),
        spread=float(exact.std()) / max(noise, 1e-12),
        speedup=seconds[torch.float32] / seconds[torch.bfloat16],
    )
