"""How long a plan takes against the arithmetic in it, and how that grows."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
from torch.utils.flop_counter import FlopCounterMode

from wm_ros.bench.planning.models import DIM, random_model
from wm_ros.models.world_model import WorldModel
from wm_ros.planning.options import PlannerOptions
from wm_ros.stages.plan import PlanStage

SIZE = 1024  # of the matrix product that says how fast the device is
REPEATS = 9
STEP_NS = 200_000_000

# Candidates, iterations, horizon: [LAM] on DROID and RECON, V-JEPA 2-AC, and ours when warm.
_published = partial(PlannerOptions, elites=10, steps_per_knot=1, proposals=False)
SETTINGS = {
    "DROID 300x15, horizon 3": _published(batch_size=300, iteration_count=15, knots=3),
    "RECON 120x1, horizon 8": _published(method="straight_line", batch_size=120, iteration_count=1, knots=8),
    "V-JEPA 2-AC 800x10, horizon 1": _published(batch_size=800, iteration_count=10, knots=1),
    "warm 64x4, horizon 3": PlannerOptions(
        batch_size=64, iteration_count=4, elites=8, knots=3, steps_per_knot=1
    ),
}
# One thing changed at a time from 64 candidates, horizon 3, 16 tokens, 1 context frame.
GROWTH = {
    "candidates": (16, 64, 256),
    "horizon": (1, 3, 6),
    "tokens": (4, 16, 64),
    "context": (1, 4, 7),
}


def settings(
    preset: str, tokens: int, device: str, compiled: bool, progress: Callable[[], None]
) -> dict[str, dict[str, float]]:
    """Each setting's plan and a matrix product in turns: milliseconds, and the share of the product's speed.

    compiled: the plan with torch.compile too, in the same turns.
    """
    model = random_model(preset, tokens, device)
    table: dict[str, dict[str, float]] = {}
    for name, options in SETTINGS.items():
        table |= _against_product(model, tokens, name, options, compiled)
        progress()
    return table


def growth(preset: str, device: str, progress: Callable[[], None]) -> dict[str, dict[str, float]]:
    """Median milliseconds of an iteration of 64 candidates, horizon 3, 16 tokens, context 1, one of them changed."""
    table = {}
    for name, values in GROWTH.items():
        for value in values:
            asked = {"candidates": 64, "horizon": 3, "tokens": 16, "context": 1, name: value}
            model = random_model(preset, asked["tokens"], device)
            options = PlannerOptions(
                batch_size=asked["candidates"],
                iteration_count=1,
                knots=asked["horizon"],
                steps_per_knot=1,
                context_frames=asked["context"],
            )
            plan = _planner(model, asked["tokens"], options, False)
            table[f"{name} {value}"] = {"ms": round(1000 * _median([plan])[0], 1)}
            progress()
    return table


def _against_product(
    model: WorldModel, tokens: int, name: str, options: PlannerOptions, compiled: bool
) -> dict[str, dict[str, float]]:
    plans = {name: _planner(model, tokens, options, False)}
    with FlopCounterMode(display=False) as counter:
        plans[name]()
    flops = counter.get_total_flops()
    if compiled:
        plans[f"{name}, compiled"] = _planner(model, tokens, options, True)
    left, right = (torch.randn(SIZE, SIZE, device=model.device) for _ in range(2))

    def product() -> float:
        return float((left @ right)[0, 0])

    *seconds, product_s = _median([*plans.values(), product])
    floor_s = flops / (2 * SIZE**3 / product_s)
    return {
        plan: {
            "ms": round(1000 * plan_s, 2),
            "gflop": round(flops / 1e9, 2),
            "product_gflops": round(2 * SIZE**3 / product_s / 1e9, 1),
            "floor_ms": round(1000 * floor_s, 2),
            "share_of_floor": round(floor_s / plan_s, 2),
        }
        for plan, plan_s in zip(plans, seconds, strict=True)
    }


def _planner(model: WorldModel, tokens: int, options: PlannerOptions, compiled: bool) -> Callable[[], object]:
    """Plans from one frame after another, warm from the second on and with its full past."""
    generator = torch.Generator().manual_seed(0)
    states = torch.randn(2, tokens, DIM, generator=generator).to(model.device)
    stage = PlanStage(model, options, seed=0, compiled=compiled)
    if compiled:
        stage.warm_up()
    stage.set_goal(states[1])
    stamp_ns = 0

    def plan() -> object:
        nonlocal stamp_ns
        stamp_ns += STEP_NS
        return stage(stamp_ns, states[0])

    for _ in range(options.context_frames):
        plan()
    return plan


def _median(actions: list[Callable[[], object]]) -> list[float]:
    """Median seconds of each, in turns."""
    times: list[list[float]] = [[] for _ in actions]
    for action in actions:
        action()
    for _ in range(REPEATS):
        for series, action in zip(times, actions, strict=True):
            started = time.perf_counter()
            action()
            series.append(time.perf_counter() - started)
    return [statistics.median(series) for series in times]
