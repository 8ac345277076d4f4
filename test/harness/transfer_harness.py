"""Clips made by hand, and models of one line each, of which is known what carrying their latent actions comes to."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from evaluation_harness import made_by_hand

from wm_ros.evaluation.dataset.dataset import EvaluationDataset
from wm_ros.robots.profile import RobotProfile, load_profile

STEPS = 8


class Model:
    """A world model of functions: what happened, `infer(before, after)`, and what follows, `follow(state, z)`.

    States are [B, 1, D], and latent actions [B, D] of the same numbers; the first are the robot's action.
    """

    def __init__(self, infer, follow, robot: RobotProfile | None = None):
        robot = robot or load_profile("arm")
        self.card = SimpleNamespace(robot=robot)
        self.action_scale = torch.ones(len(robot.action))
        self.bottleneck = SimpleNamespace(mean=lambda raw: raw)
        self.inverse_dynamics = lambda before, after: infer(before[:, 0], after[:, 0])
        self.forward_model = SimpleNamespace(unroll=self._unroll)
        self._follow = follow

    def _unroll(self, state, steps, latent_action):
        found = []
        for step in range(steps):
            state = self._follow(state[:, 0], latent_action(step, state))[:, None]
            found.append(state)
        return torch.stack(found, dim=1)

    def robot_action(self, latent, state):
        return latent[:, : len(self.action_scale)]

    def rollout(self, state, actions):
        rest = torch.zeros(*actions.shape[:2], state.shape[2] - actions.shape[2])
        latents = torch.cat([actions, rest], dim=2)
        return self._unroll(state, actions.shape[1], lambda step, _: latents[:, step])


def limited(before, after):
    """The motion in whole numbers, at most one step: what a latent action with little room can tell."""
    return (after - before).round().clamp(-1.0, 1.0)


MOTION = Model(limited, lambda state, z: state + z)
IGNORANT = Model(limited, lambda state, z: state)
PLACE = Model(lambda before, after: after.round(), lambda state, z: z)


def walks(
    folder: Path, seed: int = 0, episodes: int = 12, frames: int = 20, jitter: float = 0.05
) -> EvaluationDataset:
    """Places [F, 2] that go by whole steps -1, 0 or 1, which are the commands, and are seen with some jitter."""
    rng = np.random.default_rng(seed)
    steps = rng.integers(-1, 2, (episodes, frames, 2)).astype(float)
    places = rng.integers(-20, 21, (episodes, 1, 2)) + np.cumsum(steps, axis=1) - steps
    seen = places + jitter * rng.uniform(-1.0, 1.0, places.shape)
    return with_clips(folder, seen.reshape(-1, 2), steps.reshape(-1, 2), episodes)


def with_clips(
    folder: Path,
    features: np.ndarray,
    actions: np.ndarray,
    episodes: int,
    states: np.ndarray | None = None,
) -> EvaluationDataset:
    """`made_by_hand` with clips of 9 frames of all episodes, tokens of all frames, and measured states where given."""
    made_by_hand(folder, features, actions, episodes)
    about = json.loads((folder / "part.json").read_text())
    about["held"] = [*range(episodes // 2, episodes)]
    about["fit"] = [*range(episodes // 2)]
    if states is not None:
        about["no_states"] = ""
        np.save(folder / "states.npy", states)
    (folder / "part.json").write_text(json.dumps(about))
    starts = [np.arange(start, stop - STEPS, 4) for start, stop in about["episodes"] if stop - start > STEPS]
    rows = np.concatenate(starts)[:, None] + np.arange(STEPS + 1)
    np.save(folder / "clip_rows.npy", rows)
    np.save(folder / "clip_states.npy", features[rows][:, :, None].astype(np.float32))
    np.save(folder / "checkpoint" / "tokens.npy", features[:, None].astype(np.float16))
    return EvaluationDataset([folder])
