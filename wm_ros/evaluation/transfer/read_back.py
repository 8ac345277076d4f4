"""Whether the right action was carried: the command of clip A, read from what is imagined elsewhere.

By the model's own way back from latent to robot action; and by a probe that reads two states and knows nothing of
latent actions, fitted on recorded pairs of the episodes to fit on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wm_ros.evaluation.config import EvaluationConfig
from wm_ros.evaluation.dataset.dataset import EvaluationDataset
from wm_ros.evaluation.dataset.encoders import OUTPUT
from wm_ros.evaluation.studies.probe import RIDGE_PAIRS
from wm_ros.evaluation.studies.probe import skip_reason as probe_skip_reason
from wm_ros.evaluation.studies.ridge import fit_ridge
from wm_ros.evaluation.studies.statistics import Statistics, r2_statistics, ratio_statistics
from wm_ros.evaluation.transfer.clips import Video
from wm_ros.evaluation.transfer.imagined import Carried
from wm_ros.models.world_model import WorldModel
from wm_ros.robots.profile import RobotProfile, differences
from wm_ros.training.world_model import inferred

LEAST_SHARE = 0.1  # of full rate: the sign of a smaller command says little
Reader = Callable[[Tensor], np.ndarray]  # of states [C, T + 1, N, D] the commands [C, T, A] between them


def read_back(
    model: WorldModel,
    config: EvaluationConfig,
    first: Video,
    second: Video,
    alone: Tensor,
    carried: Sequence[Carried],
) -> dict[str, Any]:
    """R2 and agreement in sign by reader, by what is read and by component; or `left_out`, and why.

    What is read: `recorded`, clip A itself; `imagined`, clip A as imagined; `carried`, clip B under A's latent actions;
    and as controls `another clip's`, B under those of another clip, and `no motion`, B's first state over and over.
    """
    known = np.isfinite(first.actions).all(axis=(1, 2))
    if reason := skip_reason(model.card.robot, config.profile, first, known):
        return {"left_out": reason}
    found: dict[str, Any] = {"clips": int(known.sum())}
    rows: dict[str, list[Tensor]] = {
        "recorded": [first.latents],
        "imagined": [alone],
        "carried": [some.there for some in carried],
        "another clip's": [some.borrowed for some in carried],
        "no motion": [some.there[:, :1].expand_as(some.there) for some in carried],
    }
    scale = model.action_scale.numpy()
    found["own"] = _scores(own_reader(model), rows, first, known, config.profile, scale)
    held = known & first.held
    for some in carried:
        held &= second.held[some.other]
    if reason := probe_skip_reason(second.dataset, config):
        return {**found, "probe_left_out": reason}
    if held.sum() < 2:
        return {**found, "probe_left_out": "it needs two held-out episodes, to take from and to apply in"}
    probe = probe_reader(second.dataset)
    found["probe_clips"] = int(held.sum())
    found["probe"] = _scores(probe, rows, first, held, config.profile, scale)
    return found


def skip_reason(trained: RobotProfile, profile: RobotProfile, first: Video, known: np.ndarray) -> str | None:
    """Why no command can be compared, None where one can."""
    if found := differences(trained, profile):
        return f"the checkpoint is for robot {trained.name!r}, which differs from this profile: {'; '.join(found)}"
    if not known.any():
        refused = [bag.info["commands_refused"] for bag in first.dataset.bags if bag.info["commands_refused"]]
        return "; ".join([f"no commands of robot {profile.name!r} are known of {first.name}", *refused])
    if known.sum() < 2:
        return f"commands are known of one clip of {first.name} alone"
    return None


@torch.no_grad()
def own_reader(model: WorldModel) -> Reader:
    """The model's inverse dynamics, and its controller's way back."""

    def read(states: Tensor) -> np.ndarray:
        latents = inferred(model, states)[0]
        actions = model.robot_action(latents.flatten(0, 1), states[:, :-1].flatten(0, 1))
        return actions.detach().unflatten(0, latents.shape[:2]).numpy()

    return read


def probe_reader(dataset: EvaluationDataset) -> Reader:
    """A ridge regression from the mean tokens of two states, fitted on recorded pairs of the episodes to fit on."""
    pairs = dataset.clips("fit", 2, RIDGE_PAIRS, labelled=True)
    tokens = dataset.features("checkpoint", OUTPUT, pairs)
    predict = fit_ridge(_pair(tokens[:, 0], tokens[:, 1]), dataset.actions(pairs)[:, 0], pairs.groups)

    def read(states: Tensor) -> np.ndarray:
        means = states.mean(dim=2).numpy()
        shape = (len(means), means.shape[1] - 1)
        found = predict(
            _pair(means[:, :-1].reshape(-1, means.shape[2]), means[:, 1:].reshape(-1, means.shape[2]))
        )
        return found.reshape(*shape, -1)

    return read


def _pair(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return np.concatenate([before, after - before], axis=1).astype(np.float32)


def _scores(
    read: Reader,
    rows: dict[str, list[Tensor]],
    first: Video,
    mask: np.ndarray,
    profile: RobotProfile,
    scale: np.ndarray,
) -> dict[str, Any]:
    """By what is read: `total` and each component with `r2`, and for components `sign`."""
    true = first.actions[mask].reshape(-1, len(scale))
    episodes = np.repeat(first.clips.groups[mask], first.latents.shape[1] - 1)
    chosen = torch.from_numpy(np.flatnonzero(mask))
    found: dict[str, Any] = {}
    for name, states in rows.items():
        predictions = [read(some[chosen]).reshape(true.shape) for some in states]
        found[name] = {"total": {"r2": r2_statistics(true, predictions, range(len(scale)), episodes)}}
        for index, component in enumerate(profile.names):
            found[name][component] = {
                "r2": r2_statistics(true, predictions, [index], episodes),
                "sign": sign_agreement(
                    true[:, index], [some[:, index] for some in predictions], scale[index], episodes
                ),
            }
    return found


def sign_agreement(
    true: np.ndarray, predictions: Sequence[np.ndarray], full: float, episodes: np.ndarray
) -> Statistics | None:
    """Share of the commands [S] of at least a tenth of full rate whose sign is read; .5 by chance, None without any."""
    counted = np.abs(true) >= LEAST_SHARE * full
    if not counted.any():
        return None
    agree = np.stack([np.sign(some) == np.sign(true) for some in predictions], axis=1) & counted[:, None]
    wholes = np.repeat(counted[:, None], len(predictions), axis=1)
    return ratio_statistics(agree.astype(float), wholes.astype(float), episodes)
