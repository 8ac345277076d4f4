"""Whether the world model knows what follows: errors along held-out clips, and whether its latent action is one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wm_ros.evaluation.dataset.dataset import Clips, EvaluationDataset, joined
from wm_ros.evaluation.dataset.extract import HORIZON
from wm_ros.evaluation.studies.groups import component_r2
from wm_ros.evaluation.studies.statistics import Statistics, r2_statistics, ratio_statistics
from wm_ros.models.checkpoint import load_checkpoint
from wm_ros.models.world_model import WorldModel
from wm_ros.robots.profile import RobotProfile, differences
from wm_ros.training.scores import action_gap, transfer
from wm_ros.training.world_model import imagine, inferred

CLIPS = 256


def kept_clips(
    dataset: EvaluationDataset, labelled: bool = False, role: str = ""
) -> tuple[np.ndarray, Clips]:
    """Latents [C, T + 1, N, D] of up to 256 clips, and which frames they are of.

    role: of which episodes; by default those held out, or all where there are few: nothing is fitted on them here.
    """
    role = role or ("all" if dataset.few else "held")
    able: list[tuple[int, np.ndarray]] = []
    for number, bag in enumerate(dataset.bags):
        if bag.has("clip_states") and (bag.info["labelled"] or not labelled):
            clips = dataset.clips_of(number, np.array(bag.array("clip_rows")))
            chosen = np.flatnonzero(np.isin(clips.episode, bag.episodes_of(role)))
            able += [(number, chosen)] if len(chosen) else []
    latents: list[np.ndarray] = []
    found: list[Clips] = []
    for number, chosen in able:
        bag = dataset.bags[number]
        some = np.linspace(0, len(chosen) - 1, max(1, CLIPS // len(able))).round().astype(int)
        rows = chosen[np.unique(some)]
        latents.append(bag.array("clip_states")[rows])
        found.append(dataset.clips_of(number, np.array(bag.array("clip_rows"))[rows]))
    if not latents:
        none = np.zeros(0, dtype=int)
        return np.zeros((0, HORIZON + 1, 1, 1), np.float32), Clips(
            none, np.zeros((0, HORIZON + 1), int), none
        )
    return np.concatenate(latents), joined(found)


def skip_reason(dataset: EvaluationDataset) -> str | None:
    """Why the world model cannot be asked, None where it can."""
    latents, _ = kept_clips(dataset)
    if not len(latents):
        return next(
            (bag.info["verdict"][4:] for bag in dataset.bags if bag.info["verdict"].startswith("no: ")),
            f"no held-out episode has {HORIZON + 1} frames at the model's rate: record longer episodes",
        )
    if np.allclose(latents, latents[:, :1], rtol=1e-5, atol=1e-5):
        return "nothing moves in the pictures of the held-out clips: is it the right camera, and does it see the robot?"
    return None


def commands_skip_reason(
    dataset: EvaluationDataset, robot: RobotProfile, profile: RobotProfile
) -> str | None:
    """Why nothing can be imagined from the recorded commands, None where it can."""
    if found := differences(robot, profile):
        return (
            f"the checkpoint is for robot {robot.name!r}, which differs from this profile: {'; '.join(found)}"
        )
    if not len(kept_clips(dataset, labelled=True)[0]):
        return "no commands were recorded in a held-out clip"
    return None


@torch.no_grad()
def dynamics(dataset: EvaluationDataset, checkpoint: Path, profile: RobotProfile) -> dict[str, Any]:
    """Open-loop errors by step, and the checks of [LAM] on latent actions; or `left_out`, and why."""
    model = load_checkpoint(checkpoint)
    reason = skip_reason(dataset)
    if reason:
        return {"left_out": reason}
    shown, clips = kept_clips(dataset)
    latents = torch.from_numpy(shown)
    latent_actions, _ = inferred(model, latents)
    copied = latents[:, :1].expand_as(latents[:, 1:])
    found: dict[str, Any] = {
        "clips": len(latents),
        "step_s": round(profile.model_dt, 6),
        "open_loop": {
            "copy last": _by_step(copied, latents),
            "latent actions": _by_step(imagine(model, latents[:, 0], latent_actions), latents),
        },
        "last": _last_step(imagine(model, latents[:, 0], latent_actions), latents, clips),
        "checks": {name: round(value, 4) for name, value in _checks(model, latents).items()},
    }
    reason = commands_skip_reason(dataset, model.card.robot, profile)
    if reason:
        return {**found, "commands_left_out": reason}
    commanded, clips = kept_clips(dataset, labelled=True)
    latents, actions = torch.from_numpy(commanded), torch.from_numpy(dataset.actions(clips))
    latent_actions, _ = inferred(model, latents)
    steered, informed = model.rollout(latents[:, 0], actions), imagine(model, latents[:, 0], latent_actions)
    errors = [(some - latents[:, 1:]).square().mean().item() for some in (steered, informed)]
    found["checks"]["controller_gap"] = round(errors[0] / errors[1], 4)
    found["open_loop"]["commands"] = _by_step(steered, latents)
    found["last"] = _last_step(steered, latents, clips)
    read_back = model.robot_action(latent_actions[:, 0], latents[:, 0])
    scores = component_r2(actions[:, 0].numpy(), read_back.numpy())
    found["read_back"] = dict(zip(profile.names, map(_rounded, scores), strict=True))
    every = range(len(profile.action))
    found["read_back_total"] = r2_statistics(actions[:, 0].numpy(), [read_back.numpy()], every, clips.groups)
    return found


def _checks(model: WorldModel, latents: Tensor) -> dict[str, float]:
    """On the pairs with which the clips begin, in an order that lays clips of other episodes beside each other."""
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(latents)))
    pairs = latents[order][:, :2]
    raw = inferred(model, latents)[1]
    health = {name: value.item() for name, value in model.bottleneck.health(raw).items() if not value.ndim}
    return {**action_gap(model, pairs), **transfer(model, pairs), **health}


def _last_step(imagined: Tensor, latents: Tensor, clips: Clips) -> Statistics:
    """Error at the last step as a share of that of predicting no change."""
    ends = [(some - latents[:, -1]).square().mean(dim=(1, 2)) for some in (imagined[:, -1], latents[:, 0])]
    parts, wholes = (end.double().numpy()[:, None] for end in ends)
    return ratio_statistics(parts, wholes, clips.groups)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _by_step(imagined: Tensor, latents: Tensor) -> list[float]:
    """Mean squared error of each step; clips of [C, T, N, D] and [C, T + 1, N, D]."""
    return [round(value, 6) for value in (imagined - latents[:, 1:]).square().mean(dim=(0, 2, 3)).tolist()]
