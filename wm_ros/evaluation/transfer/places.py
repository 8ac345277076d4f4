"""Where things are in a state: what was measured, and what a probe reads that learned from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from torch import Tensor

from wm_ros.evaluation.config import SEEDS
from wm_ros.evaluation.dataset.dataset import EvaluationDataset
from wm_ros.evaluation.studies.fidelity import load_tokens
from wm_ros.evaluation.transfer.clips import Video
from wm_ros.training.probes import fit

Places = dict[str, np.ndarray]  # [..., K] by what is there: finger, puck
Parts = Callable[[np.ndarray], Mapping[str, np.ndarray]]
Where = Callable[[Tensor, int], Places]  # of states [C, N, D], by the network of this seed


def has_states(video: Video) -> np.ndarray:
    """Of which clips [C] the robot's state was measured."""
    able = np.array([not bag.info["no_states"] for bag in video.dataset.bags], dtype=bool)
    return able[video.clips.bag]


def states_of(video: Video) -> np.ndarray:
    """Measured states [C, T + 1, P] of clips that have them."""
    bags = video.dataset.bags
    each = [
        bags[bag].array("states")[rows] for bag, rows in zip(video.clips.bag, video.clips.rows, strict=True)
    ]
    return np.stack(each)


def places_probe(dataset: EvaluationDataset, parts: Parts, steps: int) -> Where:
    """Networks of three seeds that read places from the tokens of a state, fitted on the episodes to fit on."""
    tokens = load_tokens(dataset, "checkpoint")
    inputs, states, groups = [], [], []
    for bag, rows in fitted_rows(dataset):
        inputs.append(tokens[bag][rows].reshape(len(rows), -1))
        frames = np.array(dataset.bags[bag].array("shown"))[rows]
        states.append(dataset.bags[bag].array("states")[frames])
        begins = np.array([start for start, _ in dataset.bags[bag].info["episodes"]])
        groups.append((bag << 32) + np.searchsorted(begins, frames, side="right"))
    known = parts(np.concatenate(states))
    shown = np.concatenate(inputs).astype(np.float32)
    wanted = np.concatenate(list(known.values()), axis=1)
    predict = fit(
        [shown] * SEEDS, wanted, np.concatenate(groups), list(range(SEEDS)), steps, lambda share: None
    )
    cuts = np.cumsum([part.shape[1] for part in known.values()])[:-1]

    def where(latents: Tensor, seed: int) -> Places:
        found = predict(latents.flatten(1).numpy(), seed)
        return dict(zip(known, np.split(found, cuts, axis=1), strict=True))

    return where


def ways(after: Mapping[str, np.ndarray], before: Mapping[str, np.ndarray]) -> Places:
    """How far each part went, [C, K]."""
    return {name: after[name] - before[name] for name in before}


def fitted_rows(dataset: EvaluationDataset) -> list[tuple[int, np.ndarray]]:
    """Of each bag with states, the places among its kept tokens of frames in episodes to fit on."""
    found = []
    for number, (bag, tokens) in enumerate(
        zip(dataset.bags, load_tokens(dataset, "checkpoint"), strict=True)
    ):
        if bag.info["no_states"]:
            continue
        frames = np.array(bag.array("shown"))[: len(tokens)]
        bounds = np.array([bag.info["episodes"][episode] for episode in bag.info["fit"]]).reshape(-1, 2)
        within = ((frames[:, None] >= bounds[:, 0]) & (frames[:, None] < bounds[:, 1])).any(axis=1)
        if within.any():
            found.append((number, np.flatnonzero(within)))
    return found
