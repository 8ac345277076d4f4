"""The planner that was published with V-JEPA 2-AC, on the same network: what ours is measured against."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from wm_ros.bench.gpu.plans import POSE, cases
from wm_ros.bench.gpu.rows import Figures, Rows, Setup, median_s
from wm_ros.bench.memory import peak_mb
from wm_ros.models.action_conditioned.model import ActionConditionedModel
from wm_ros.models.action_conditioned.predictor import TOLD
from wm_ros.planning.options import PlannerOptions

CASE = "V-JEPA 2-AC 800x10 H1"


@torch.inference_mode()
def measure(setup: Setup, rows: Rows) -> None:
    """Milliseconds of its plan: an iteration recomputes all frames under a dense mask, poses follow one by one."""
    case = next(case for case in cases(setup.toy) if case.name == CASE)
    for horizon in (1, 2):
        name = f"V-JEPA 2-AC {case.options.batch_size}x{case.options.iteration_count} H{horizon}"
        rows.attempt(name, lambda: _figures(case.model(setup), case.options, horizon, setup))  # noqa: B023


def _figures(model: object, options: PlannerOptions, horizon: int, setup: Setup) -> Figures:
    assert isinstance(model, ActionConditionedModel)
    generator = torch.Generator().manual_seed(0)
    state = torch.randn(1, model.encoder.tokens, model.encoder.dim, generator=generator).to(setup.device)
    shape = options.batch_size, horizon, len(model.card.robot.action)
    actions = 0.1 * torch.randn(shape, generator=generator).to(setup.device)

    def iteration() -> Tensor:
        return costs(model, state, actions).cpu()

    memory = peak_mb(iteration, setup.device)
    seconds = median_s(iteration, setup.device, 1 if setup.toy else 2)
    return {
        "ms": round(1000 * seconds * options.iteration_count, 1),
        "iteration_ms": round(1000 * seconds, 1),
        "memory_mb": round(memory, 1),
    }


def costs(model: ActionConditionedModel, state: Tensor, actions: Tensor) -> Tensor:
    """Mean absolute differences [S] from the state [1, N, D] at the end of actions [S, H, A], the published way."""
    deltas = model.deltas(actions)
    poses = torch.tensor(POSE, device=actions.device).expand(len(actions), 1, -1)
    states = state[:, None].expand(len(actions), -1, -1, -1)
    for step in range(actions.shape[1]):
        raw = _all_frames(model, states, deltas[:, : step + 1], poses)[:, -1:]
        states = torch.cat([states, F.layer_norm(raw, (model.encoder.dim,))], dim=1)
        poses = torch.cat([poses, moved_one_by_one(poses[:, -1], deltas[:, step])[:, None]], dim=1)
    return (states[:, -1] - state).abs().mean(dim=(1, 2))


def _all_frames(model: ActionConditionedModel, states: Tensor, deltas: Tensor, poses: Tensor) -> Tensor:
    """The predictor on all frames, with a mask even where every token sees all others, as it was published."""
    frames, network = states.shape[1], model.predictor
    frame_of = torch.arange(frames, device=states.device).repeat_interleave(TOLD + states.shape[2])
    mask = frame_of[:, None] >= frame_of[None, :]
    return network._run(states, deltas, poses, 0, mask, [None] * len(network.predictor_blocks))


def moved_one_by_one(poses: Tensor, deltas: Tensor) -> Tensor:
    """Poses [S, 7] after deltas [S, 7], through rotation matrices, a candidate at a time and on the host."""
    from scipy.spatial.transform import Rotation

    moved = []
    for pose, delta in zip(poses.cpu().numpy(), deltas.cpu().numpy(), strict=True):
        after = Rotation.from_euler("xyz", delta[3:6]) * Rotation.from_euler("xyz", pose[3:6])
        gripper = np.clip(pose[6:] + delta[6:], 0.0, 1.0)
        moved.append(np.concatenate([pose[:3] + delta[:3], after.as_euler("xyz"), gripper]))
    return torch.tensor(np.array(moved), dtype=torch.float32, device=poses.device)
