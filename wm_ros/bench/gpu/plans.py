"""How long plans take in the published sizes and settings, against the arithmetic in them: as they are, and in CUDA
graphs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch.utils.flop_counter import FlopCounterMode

from wm_ros.bench.gpu import sizes
from wm_ros.bench.gpu.graphs import Graphed
from wm_ros.bench.gpu.rows import Figures, Rows, Setup, median_s, product_flops_per_s
from wm_ros.bench.memory import peak_mb
from wm_ros.bench.planning.floor import SETTINGS
from wm_ros.models.action_conditioned.model import ActionConditionedModel
from wm_ros.models.planning_model import PlanningModel
from wm_ros.planning.options import PlannerOptions
from wm_ros.stages.plan import PlanStage

REPEATS, TOY_REPEATS = 5, 1
ENOUGH_S = 6.0  # of one measurement
STEP_NS = 200_000_000
POSE = (0.4, 0.0, 0.3, 3.1, 0.0, 0.2, 0.5)
WAYS = ("eager", "graphs")


@dataclass(frozen=True)
class Case:
    """A plan to be measured: tokens a frame of a world model of preset large; None: V-JEPA 2-AC."""

    name: str
    tokens: int | None
    options: PlannerOptions

    def model(self, setup: Setup) -> PlanningModel:
        if self.tokens is None:
            return sizes.action_conditioned(setup.toy, setup.device)
        return sizes.world_model(self.tokens, setup.toy, setup.device)


def cases(toy: bool) -> list[Case]:
    """Most wanted first."""
    droid, recon, of_paper, warm = (SETTINGS[name] for name in SETTINGS)
    found = [
        Case("warm 64x4 H3, 256 tokens", 256, warm),
        Case("warm 64x4 H3, 64 tokens", 64, warm),
        Case("V-JEPA 2-AC 800x10 H1", None, of_paper),
        Case("RECON 120x1 H8, 256 tokens", 256, recon),
        Case("warm 64x4 H3, 64 tokens, 4 frames seen", 64, replace(warm, context_frames=4)),
        Case("DROID 300x15 H3, 64 tokens", 64, droid),
        Case("DROID 300x15 H3, 256 tokens", 256, droid),
    ]
    if not toy:
        return found
    return [replace(case, options=replace(case.options, batch_size=8, iteration_count=2)) for case in found]


@torch.inference_mode()
def measure(setup: Setup, rows: Rows) -> None:
    """Milliseconds, share of the product's speed and memory of each setting, both ways."""
    product = product_flops_per_s(setup.device, setup.toy)
    rows.add("bf16 matrix product", {"tflop_per_s": round(product / 1e12, 3)})
    for case in cases(setup.toy):
        for way in WAYS:
            rows.attempt(f"{case.name}, {way}", lambda: plan_figures(case, way, setup, product))  # noqa: B023


def plan_figures(case: Case, way: str, setup: Setup, product: float) -> Figures:
    """Of a plan in one way: `eager`, `graphs` or `compiled`.

    memory_mb: what getting ready and the first plans take at their peak beyond the model. gflop: iterations are alike.
    """
    model = case.model(setup)
    counted = planner(model, replace(case.options, iteration_count=1), "eager")
    with FlopCounterMode(display=False) as counter:
        counted()
    flops = case.options.iteration_count * counter.get_total_flops()
    plan, memory = ready(model, case.options, way, setup)
    seconds = median_s(plan, setup.device, TOY_REPEATS if setup.toy else REPEATS, ENOUGH_S)
    return {
        "ms": round(1000 * seconds, 2),
        "gflop": round(flops / 1e9, 2),
        "share_of_product": round(flops / seconds / product, 3),
        "memory_mb": round(memory, 1),
    }


def ready(
    model: PlanningModel, options: PlannerOptions, way: str, setup: Setup, chunk: int | None = None
) -> tuple[Callable[[], object], float]:
    """A planner that has planned, and the megabytes which that took at their peak."""
    made: list[Callable[[], object]] = []
    memory = peak_mb(lambda: made.append(planner(model, options, way, chunk)), setup.device)
    return made[0], memory


def planner(
    model: PlanningModel, options: PlannerOptions, way: str, chunk: int | None = None
) -> Callable[[], object]:
    """Plans in bf16 from one frame after another, warm from the second on and with its full past."""
    generator = torch.Generator().manual_seed(0)
    shape = (2, model.encoder.tokens, model.encoder.dim)
    states = torch.randn(shape, generator=generator).to(model.device)
    stage = PlanStage(model, options, 0, torch.bfloat16, way == "compiled", chunk)
    if way == "compiled":
        stage.warm_up()
    if way == "graphs":
        stage.imaginer.roll = Graphed(stage.imaginer.roll)
    stage.set_goal(states[1])
    stamp_ns = 0

    def plan() -> object:
        nonlocal stamp_ns
        stamp_ns += STEP_NS
        if isinstance(model, ActionConditionedModel):
            model.at(POSE)
        return stage(stamp_ns, states[0])

    for _ in range(options.context_frames):
        plan()
    return plan
