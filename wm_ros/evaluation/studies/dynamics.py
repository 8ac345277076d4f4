"""Whether the world model knows what follows: errors along held-out clips, and whether its latent action is one."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from wm_ros.evaluation.evidence.gather import HORIZON
from wm_ros.evaluation.evidence.parts import Chains, Evidence
from wm_ros.evaluation.studies.groups import component_r2
from wm_ros.models.checkpoint import load_checkpoint
from wm_ros.models.world_model import WorldModel
from wm_ros.robots.profile import RobotProfile, differences
from wm_ros.training.scores import action_gap, transfer
from wm_ros.training.world_model import imagine, inferred

CLIPS = 256


def held_clips(evidence: Evidence, labelled: bool = False) -> tuple[np.ndarray, Chains]:
    """States [C, T + 1, N, D] of up to 256 held-out clips, and which frames they are of."""
    states: list[np.ndarray] = []
    chains: list[Chains] = []
    able = [(number, part) for number, part in enumerate(evidence.parts) if part.has("clip_states")]
    able = [(number, part) for number, part in able if part.about["labelled"] or not labelled]
    for number, part in able:
        rows = np.array(part.array("clip_rows"))
        some = np.unique(np.linspace(0, len(rows) - 1, max(1, CLIPS // len(able))).round().astype(int))
        states.append(part.array("clip_states")[some])
        begins = np.array([start for start, _ in part.about["episodes"]])
        episode = np.searchsorted(begins, rows[some][:, 0], side="right") - 1
        chains.append(Chains(np.full(len(some), number), rows[some], episode))
    if not states:
        none = np.zeros(0, dtype=int)
        return np.zeros((0, HORIZON + 1, 1, 1), np.float32), Chains(
            none, np.zeros((0, HORIZON + 1), int), none
        )
    together = [
        np.concatenate([getattr(some, name) for some in chains]) for name in ("part", "rows", "episode")
    ]
    return np.concatenate(states), Chains(*together)


def why_not(evidence: Evidence) -> str | None:
    """Why the world model cannot be asked, None where it can."""
    states, _ = held_clips(evidence)
    if not len(states):
        return next(
            (
                part.about["verdict"][4:]
                for part in evidence.parts
                if part.about["verdict"].startswith("no: ")
            ),
            f"no held-out episode has {HORIZON + 1} frames at the model's rate: record longer episodes",
        )
    if np.allclose(states, states[:, :1], rtol=1e-5, atol=1e-5):
        return "nothing moves in the pictures of the held-out clips: is it the right camera, and does it see the robot?"
    return None


def why_no_commands(evidence: Evidence, robot: RobotProfile, profile: RobotProfile) -> str | None:
    """Why nothing can be imagined from the recorded commands, None where it can."""
    if found := differences(robot, profile):
        return (
            f"the checkpoint is for robot {robot.name!r}, which differs from this profile: {'; '.join(found)}"
        )
    if not len(held_clips(evidence, labelled=True)[0]):
        return f"no commands on {profile.command.topic} in a held-out clip"
    return None


@torch.no_grad()
def dynamics(evidence: Evidence, checkpoint: str, profile: RobotProfile) -> dict[str, Any]:
    """Open-loop errors by step, and the checks of [LAM] on latent actions; or `left_out`, and why."""
    model = load_checkpoint(checkpoint)
    reason = why_not(evidence)
    if reason:
        return {"left_out": reason}
    states = torch.from_numpy(held_clips(evidence)[0])
    latents, _ = inferred(model, states)
    copied = states[:, :1].expand_as(states[:, 1:])
    found: dict[str, Any] = {
        "clips": len(states),
        "step_s": round(profile.model_dt, 6),
        "open_loop": {
            "copy last": _by_step(copied, states),
            "latent actions": _by_step(imagine(model, states[:, 0], latents), states),
        },
        "checks": {name: round(value, 4) for name, value in _checks(model, states).items()},
    }
    reason = why_no_commands(evidence, model.card.robot, profile)
    if reason:
        return {**found, "commands_left_out": reason}
    states, chains = held_clips(evidence, labelled=True)
    states, actions = torch.from_numpy(states), torch.from_numpy(evidence.actions(chains))
    latents, _ = inferred(model, states)
    steered, informed = model.rollout(states[:, 0], actions), imagine(model, states[:, 0], latents)
    errors = [(some - states[:, 1:]).square().mean().item() for some in (steered, informed)]
    found["checks"]["controller_gap"] = round(errors[0] / errors[1], 4)
    found["open_loop"]["commands"] = _by_step(steered, states)
    read_back = model.robot_action(latents[:, 0], states[:, 0])
    scores = component_r2(actions[:, 0].numpy(), read_back.numpy())
    found["read_back"] = dict(zip(profile.names, map(_rounded, scores), strict=True))
    return found


def _checks(model: WorldModel, states: Tensor) -> dict[str, float]:
    """On the pairs with which the clips begin, in an order that lays clips of other episodes beside each other."""
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(states)))
    pairs = states[order][:, :2]
    raw = inferred(model, states)[1]
    health = {name: value.item() for name, value in model.bottleneck.health(raw).items() if not value.ndim}
    return {**action_gap(model, pairs), **transfer(model, pairs), **health}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _by_step(imagined: Tensor, states: Tensor) -> list[float]:
    """Mean squared error of each step; clips of [C, T, N, D] and [C, T + 1, N, D]."""
    return [round(value, 6) for value in (imagined - states[:, 1:]).square().mean(dim=(0, 2, 3)).tolist()]
