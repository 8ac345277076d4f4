"""How long plans take in the published sizes and settings, against the arithmetic in them and the public way."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from wm_ros.bench.gpu import sizes
from wm_ros.bench.gpu.rows import Rows, median_s, product_flops_per_s
from wm_ros.bench.memory import peak_mb
from wm_ros.bench.planning.floor import SETTINGS
from wm_ros.models.action_conditioned.model import ActionConditionedModel
from wm_ros.models.planning_model import PlanningModel
from wm_ros.planning.options import PlannerOptions
from wm_ros.stages.plan import PlanStage

SIZE, TOY_SIZE = 8192, 256
REPEATS = 3
STEP_NS = 200_000_000
POSE = (0.4, 0.0, 0.3, 3.1, 0.0, 0.2, 0.5)


@torch.inference_mode()
def measure(device: str, toy: bool, rows: Rows) -> None:
    """Milliseconds, share of the product's speed and memory of each setting; eager first, since it never fails."""
    product = product_flops_per_s(device, TOY_SIZE if toy else SIZE, 15)
    rows.add("bf16 matrix product", {"tflop_per_s": round(product / 1e12, 3)})
    droid, recon, warm = (SETTINGS[name] for name in SETTINGS if not name.startswith("V-JEPA"))
    of_paper = SETTINGS["V-JEPA 2-AC 800x10, horizon 1"]
    cases: list[tuple[str, Callable[[], PlanningModel], PlannerOptions]] = [
        ("warm 64x4 H3, 256 tokens", lambda: sizes.world_model(256, toy, device), warm),
        ("warm 64x4 H3, 64 tokens", lambda: sizes.world_model(64, toy, device), warm),
        ("V-JEPA 2-AC 800x10 H1", lambda: sizes.action_conditioned(toy, device), of_paper),
        ("RECON 120x1 H8, 256 tokens", lambda: sizes.world_model(256, toy, device), recon),
        ("DROID 300x15 H3, 64 tokens", lambda: sizes.world_model(64, toy, device), droid),
        ("DROID 300x15 H3, 256 tokens", lambda: sizes.world_model(256, toy, device), droid),
    ]
    for name, build, options in cases:
        _plan(name, build(), options, False, device, product, rows)
    _public(sizes.action_conditioned(toy, device), of_paper, device, rows)
    for name, build, options in cases:
        _plan(name, build(), options, True, device, product, rows)


def _plan(
    name: str,
    model: PlanningModel,
    options: PlannerOptions,
    compiled: bool,
    device: str,
    product: float,
    rows: Rows,
) -> None:
    plan = planner(model, options, compiled)
    counted = planner(model, options, False)
    with FlopCounterMode(display=False) as counter:
        counted()
    flops = counter.get_total_flops()
    seconds = median_s(plan, device, REPEATS)
    way = "compiled" if compiled else "eager"
    rows.add(
        f"{name}, {way}",
        {
            "ms": round(1000 * seconds, 2),
            "gflop": round(flops / 1e9, 2),
            "share_of_product": round(flops / seconds / product, 3),
            "memory_mb": round(peak_mb(plan, device), 1),
        },
    )


def planner(model: PlanningModel, options: PlannerOptions, compiled: bool) -> Callable[[], object]:
    """Plans in bf16 from one frame after another, warm from the second on."""
    generator = torch.Generator().manual_seed(0)
    shape = (2, model.encoder.tokens, model.encoder.dim)
    states = torch.randn(shape, generator=generator).to(model.device)
    stage = PlanStage(model, options, 0, torch.bfloat16, compiled)
    if compiled:
        stage.warm_up()
    stage.set_goal(states[1])
    stamp_ns = 0

    def plan() -> object:
        nonlocal stamp_ns
        stamp_ns += STEP_NS
        if isinstance(model, ActionConditionedModel):
            model.at(POSE)
        return stage(stamp_ns, states[0])

    plan()
    return plan


def _public(model: ActionConditionedModel, options: PlannerOptions, device: str, rows: Rows) -> None:
    """The public planner's way: an iteration recomputes all frames with a dense mask, poses follow one by one."""
    generator = torch.Generator().manual_seed(0)
    count, horizon = options.batch_size, options.time_steps
    state = torch.randn(1, model.encoder.tokens, model.encoder.dim, generator=generator).to(device)
    actions = 0.1 * torch.randn(count, horizon, len(model.card.robot.action), generator=generator).to(device)

    def iteration() -> Tensor:
        deltas = model.deltas(actions)
        poses = torch.tensor(POSE, device=device).expand(count, 1, -1)
        states = state[:, None].expand(count, -1, -1, -1)
        for step in range(horizon):
            raw = model.predictor(states, deltas[:, : step + 1], poses)[:, -1:]
            following = torch.nn.functional.layer_norm(raw, (model.encoder.dim,))
            states = torch.cat([states, following], dim=1)
            poses = torch.cat([poses, _moved_one_by_one(poses[:, -1], deltas[:, step])[:, None]], dim=1)
        return (states[:, -1] - state).abs().mean(dim=(1, 2)).cpu()

    seconds = median_s(iteration, device, 2)
    rows.add(
        "V-JEPA 2-AC 800x10 H1, the public way",
        {
            "ms": round(1000 * seconds * options.iteration_count, 1),
            "memory_mb": round(peak_mb(iteration, device), 1),
        },
    )


def _moved_one_by_one(poses: Tensor, deltas: Tensor) -> Tensor:
    """Poses [S, 7] after deltas [S, 7], through rotation matrices, a candidate at a time."""
    from scipy.spatial.transform import Rotation

    moved = []
    for pose, delta in zip(poses.cpu().numpy(), deltas.cpu().numpy(), strict=True):
        after = Rotation.from_euler("xyz", delta[3:6]) * Rotation.from_euler("xyz", pose[3:6])
        moved.append(np.concatenate([pose[:3] + delta[:3], after.as_euler("xyz"), pose[6:] + delta[6:]]))
    return torch.tensor(np.array(moved), dtype=torch.float32, device=poses.device)
