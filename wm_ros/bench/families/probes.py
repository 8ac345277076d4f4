"""Probes of an encoder: the command between two frames and the true state of one, clean and in spoilt pictures.

Fitted on episodes that did not train the encoder, scored on others again, which chose nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from torch import nn

from wm_ros.bench.families.features import Features, effective_dimensions
from wm_ros.bench.families.material import Material
from wm_ros.data.recording import Recording
from wm_ros.data.verdict import still_components
from wm_ros.evaluation.dataset.corruptions import corrupt
from wm_ros.training.optimise import TrainingError
from wm_ros.training.probes import fit

APART = (1, 4)  # model steps between the frames of a pair
FITTED, SCORED = 5000, 2000  # pairs
# Those of [ACT]: noise of .15, and a blur with a kernel of 11 pixels of 256.
CORRUPTIONS = {"noise": 0.15, "blur": 2.0}
ACTION, CONTROLS = "action", ("single frame", "shuffled time")

Errors = dict[str, np.ndarray]


def probe(
    material: Material, recording: Recording, encoder: nn.Module, seed: int, report: Callable[[float], None]
) -> tuple[dict[str, Any], Errors]:
    """R2 of all that is asked, and, of every scored episode, squared errors and variances [E, components]."""
    rows = {
        role: _clips(recording, episodes, most)
        for role, episodes, most in (
            ("fitted", material.roles.fitted, FITTED),
            ("scored", material.roles.scored, SCORED),
        )
    }
    clean = _clean(recording)
    features = Features(encoder, clean, rows["fitted"][:, 0])
    ends = [0, *APART]
    seen = {role: features(clean, some[:, ends]) for role, some in rows.items()}
    report(0.2)
    spoilt = {}
    for number, (kind, severity) in enumerate(CORRUPTIONS.items()):
        spoilt[kind] = features(_spoilt(recording, kind, severity), rows["scored"][:, ends])
        report(0.2 + 0.1 * (number + 1))
    episodes = {role: _episodes_of(recording, some[:, 0]) for role, some in rows.items()}
    errors: Errors = {}

    def score(name: str, predicted: np.ndarray, true: np.ndarray) -> None:
        errors[name], errors[f"{name} variance"] = _by_episode(true, predicted, episodes["scored"])

    steps = material.options.probe_steps
    for place, apart in enumerate(APART):
        wanted = {role: recording.actions(some[:, : apart + 1]).mean(axis=1) for role, some in rows.items()}
        moving = np.setdiff1d(np.arange(wanted["fitted"].shape[1]), still_components(wanted["fitted"]))
        if not len(moving):
            raise TrainingError(
                "the commands are always the same, and probes can read nothing: record motion"
            )
        wanted = {role: some[:, moving] for role, some in wanted.items()}
        variants = {"": _pair(seen["fitted"], place + 1)}
        asked = {"": _pair(seen["scored"], place + 1)}
        if apart == APART[0]:
            for control in CONTROLS:
                variants[control], asked[control] = (
                    _control(seen[role], episodes[role], control) for role in ("fitted", "scored")
                )
        predict = fit(
            list(variants.values()),
            wanted["fitted"],
            episodes["fitted"],
            [seed] * len(variants),
            steps,
            _silent,
        )
        for number, (variant, shown) in enumerate(asked.items()):
            score(f"{ACTION} {apart} {variant}".strip(), predict(shown, number), wanted["scored"])
        for kind, tokens in spoilt.items():
            score(f"{ACTION} {apart} {kind}", predict(_pair(tokens, place + 1), 0), wanted["scored"])
        report(0.4 + 0.2 * (place + 1))
    for name, values in material.states.items():
        wanted = {role: values[some[:, 0]] for role, some in rows.items()}
        predict = fit([seen["fitted"][:, 0]], wanted["fitted"], episodes["fitted"], [seed], steps, _silent)
        score(f"state {name}", predict(seen["scored"][:, 0], 0), wanted["scored"])
        for kind, tokens in spoilt.items():
            score(f"state {name} {kind}", predict(tokens[:, 0], 0), wanted["scored"])
    report(1.0)
    names = [name for name in errors if not name.endswith(" variance")]
    figures = {name: round(r2(errors[name], errors[f"{name} variance"]), 4) for name in names}
    numbers = seen["scored"][:, 0]
    shape = {"numbers": numbers.shape[1], "effective_dimensions": round(effective_dimensions(numbers), 2)}
    return {**figures, **shape}, errors


def r2(errors: np.ndarray, variances: np.ndarray) -> float:
    """The mean over components of the share of the variance [E, P] that is explained; those that vary count."""
    missed, whole = errors.sum(axis=0), variances.sum(axis=0)
    moving = whole > 0
    return float((1.0 - missed[moving] / whole[moving]).mean()) if moving.any() else 0.0


def _clips(recording: Recording, episodes: np.ndarray, most: int) -> np.ndarray:
    """Rows [C, 5] of up to so many clips, the same every time."""
    clips = recording.clips(max(APART) + 1, episodes)
    if not len(clips):
        raise TrainingError(
            f"no clip of {max(APART) + 1} frames at {recording.profile.model_rate_hz:g} Hz in {len(episodes)} episodes "
            "for the probes: record longer ones"
        )
    return clips[np.sort(np.random.default_rng(0).permutation(len(clips))[:most])]


def _clean(recording: Recording) -> Callable[[np.ndarray], np.ndarray]:
    return lambda rows: np.ascontiguousarray(recording.frames[rows])


def _spoilt(recording: Recording, kind: str, severity: float) -> Callable[[np.ndarray], np.ndarray]:
    """Frames, each spoilt in its own way, which is the same for all encoders."""

    def frames(rows: np.ndarray) -> np.ndarray:
        some = [corrupt(recording.frames[row][None], kind, severity, int(row)) for row in rows]
        return np.concatenate(some)

    return frames


def _episodes_of(recording: Recording, rows: np.ndarray) -> np.ndarray:
    begins = np.array([episode.start for episode in recording.episodes])
    return np.searchsorted(begins, rows, side="right") - 1


def _pair(tokens: np.ndarray, second: int) -> np.ndarray:
    """The first frame's numbers, and how those of another differ [C, 2 D]."""
    return np.concatenate([tokens[:, 0], tokens[:, second] - tokens[:, 0]], axis=1)


def _control(tokens: np.ndarray, episodes: np.ndarray, control: str) -> np.ndarray:
    """Pairs whose second frame is the first again, or another of the episode."""
    second = tokens[:, 0].copy()
    if control == "shuffled time":
        rng, second = np.random.default_rng(0), tokens[:, 1].copy()
        for episode in np.unique(episodes):
            here = np.flatnonzero(episodes == episode)
            second[here] = second[rng.permutation(here)]
    return _pair(np.stack([tokens[:, 0], second], axis=1), 1)


def _by_episode(
    true: np.ndarray, predicted: np.ndarray, episodes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Sums over every episode [E, P] of squared errors, and of squares about the mean of all."""
    of = np.unique(episodes, return_inverse=True)[1]
    both = np.square(true - predicted), np.square(true - true.mean(axis=0))
    sums = [np.stack([np.bincount(of, column) for column in some.T], axis=1) for some in both]
    return sums[0], sums[1]


def _silent(share: float) -> None:
    """Nobody watches a single probe."""
