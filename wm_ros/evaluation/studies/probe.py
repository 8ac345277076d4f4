"""How much of the action is in a latent: a probe on held-out episodes, with controls, by layer and under corruption.

The probe of [ACT]: an MLP on the mean tokens of two frames a model step apart, scored as R2 on held-out episodes.
Controls are fitted in the same way on less: `constant` predicts the mean, `single frame` sees the first frame twice,
and `shuffled time` sees as second frame another of the same episode. What a control reaches, no motion is needed for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wm_ros.data.verdict import still_components
from wm_ros.evaluation.config import SEEDS, EvaluationConfig
from wm_ros.evaluation.dataset.corruptions import FRAME_LOSS, SEVERITIES
from wm_ros.evaluation.dataset.dataset import Clips, EvaluationDataset
from wm_ros.evaluation.dataset.encoders import OUTPUT
from wm_ros.evaluation.files import slug
from wm_ros.evaluation.studies.groups import component_r2, groups_of, mean_r2
from wm_ros.evaluation.studies.statistics import seed_statistics
from wm_ros.robots.profile import RobotProfile
from wm_ros.training.probes import fit

STEPS = 3000
FITTED_PAIRS = 10_000
SCORED_PAIRS = 4_000
CONTROLS = ("single frame", "shuffled time")

Progress = Callable[[float], None]
Features = Callable[[Clips], np.ndarray]


def probe(
    dataset: EvaluationDataset, config: EvaluationConfig, encoder: str, progress: Progress
) -> dict[str, Any]:
    """Layers, controls and the ladder of one encoder; or `left_out`, and why."""
    reason = skip_reason(dataset, config.profile)
    if reason:
        return {"left_out": reason}
    layers = list(dataset.layers(encoder))
    found: dict[str, Any] = {"layers": {}}
    for index, layer in enumerate(layers):

        def done(share: float, index: int = index) -> None:
            progress((index + share) / len(layers))

        features = _features_of(dataset, encoder, layer)
        result, predict = probe_features(dataset, config, features, layer == OUTPUT, done)
        found["layers"][layer] = result
    found["ladder"] = _corruption_scores(dataset, config.profile, encoder, predict)
    return found


def skip_reason(dataset: EvaluationDataset, profile: RobotProfile) -> str | None:
    """Why no probe can be fitted and scored, None where one can."""
    if not any(bag.info["labelled"] for bag in dataset.bags):
        return f"no commands on {profile.command.topic} were recorded, and the probe reads commands"
    if reason := dataset.no_pairs_reason():
        return reason
    if all(bag.info["still"] for bag in dataset.bags):
        return "nothing moves in the pictures: is it the right camera, and does it see the robot?"
    fitted, held = (dataset.clips(role, 2, FITTED_PAIRS, labelled=True) for role in ("fit", "held"))
    if not len(held):
        return "one episode with commands: nothing can be held out; record at least two, better twenty"
    if not len(fitted):
        return "all episodes with commands are held out: give more bags"
    if len(_moving(dataset, fitted)) == 0:
        return "the commands are always the same: record motion"
    return None


def probe_features(
    dataset: EvaluationDataset,
    config: EvaluationConfig,
    features: Features,
    controls: bool,
    progress: Progress,
    with_pictures: bool = False,
) -> tuple[dict[str, Any], Callable[[np.ndarray, int], np.ndarray]]:
    """Fit three probes on features of pairs, and their controls; the scores, and the way to probe other features.

    features: of clips of two frames, [C, 2, D].
    """
    fitted, held = (
        dataset.clips(role, 2, max_count, labelled=True, with_pictures=with_pictures)
        for role, max_count in (("fit", FITTED_PAIRS), ("held", SCORED_PAIRS))
    )
    fitted_actions, held_actions = dataset.actions(fitted)[:, 0], dataset.actions(held)[:, 0]
    variants = ("pair", *CONTROLS) if controls else ("pair",)
    fitted_inputs = {name: _probe_inputs(dataset, features, fitted, name) for name in variants}
    held_inputs = {name: _probe_inputs(dataset, features, held, name) for name in variants}
    networks = [(name, seed) for name in variants for seed in range(SEEDS)]
    predict = fit(
        [fitted_inputs[name] for name, _ in networks],
        fitted_actions,
        fitted.groups,
        [seed for _, seed in networks],
        config.steps(STEPS),
        progress,
    )
    scores = {
        name: [
            _scores(
                dataset,
                config.profile,
                fitted,
                held_actions,
                predict(held_inputs[name], networks.index((name, seed))),
            )
            for seed in range(SEEDS)
        ]
        for name in variants
    }
    result: dict[str, Any] = {
        key: seed_statistics([s[key] for s in scores["pair"]]) for key in scores["pair"][0]
    }
    if controls:
        constant = np.broadcast_to(fitted_actions.mean(axis=0), held_actions.shape)
        result = {
            **result,
            "controls": {
                "constant": _rounded(
                    _scores(dataset, config.profile, fitted, held_actions, constant)["total"]
                ),
                **{name: seed_statistics([s["total"] for s in scores[name]]) for name in CONTROLS},
            },
            "pairs": {"fitted": len(fitted), "scored": len(held)},
        }
    return result, predict


def _scores(
    dataset: EvaluationDataset,
    profile: RobotProfile,
    fitted: Clips,
    held_actions: np.ndarray,
    predicted: np.ndarray,
) -> dict[str, float | None]:
    """R2 in total, by group and by component; components that never moved are in none of them."""
    moving = _moving(dataset, fitted)
    by_component = [
        score if index in moving else None
        for index, score in enumerate(component_r2(held_actions, predicted))
    ]
    groups = {
        name: mean_r2([by_component[index] for index in indexes])
        for name, indexes in groups_of(profile).items()
    }
    return {"total": mean_r2(by_component), **groups, **dict(zip(profile.names, by_component, strict=True))}


def _moving(dataset: EvaluationDataset, fitted: Clips) -> set[int]:
    actions = dataset.actions(fitted)[:, 0]
    return set(range(actions.shape[1])) - set(still_components(actions).tolist())


def _corruption_scores(
    dataset: EvaluationDataset,
    profile: RobotProfile,
    encoder: str,
    predict: Callable[[np.ndarray, int], np.ndarray],
) -> dict[str, list[dict[str, Any]]]:
    """R2 of the same probes on corrupted held-out pairs: for each kind its severities."""
    bags = [(number, bag) for number, bag in enumerate(dataset.bags) if bag.info["labelled"]]
    bags = [(number, bag) for number, bag in bags if bag.has(slug(encoder), "ladder")]
    fitted = dataset.clips("fit", 2, FITTED_PAIRS, labelled=True)
    rows = [np.array(bag.array("ladder_rows")) for _, bag in bags]
    pairs = Clips(
        np.concatenate([np.full(len(some), number) for some, (number, _) in zip(rows, bags, strict=True)]),
        np.concatenate(rows),
        np.zeros(sum(map(len, rows)), dtype=int),
    )
    held_actions = dataset.actions(pairs)[:, 0]
    features = _features_of(dataset, encoder, OUTPUT)

    def scored(tokens: np.ndarray) -> dict[str, object] | None:
        flat = _pair(tokens)
        return seed_statistics(
            [
                _scores(dataset, profile, fitted, held_actions, predict(flat, seed))["total"]
                for seed in range(SEEDS)
            ]
        )

    corrupted = np.concatenate([bag.array(slug(encoder), "ladder") for _, bag in bags], axis=2)
    found = {"none": [{"severity": 0.0, "r2": scored(features(pairs))}]}
    for kind, severities, tokens in zip(SEVERITIES, SEVERITIES.values(), corrupted, strict=True):
        found[kind] = [
            {"severity": severity, "r2": scored(some)}
            for severity, some in zip(severities, tokens, strict=True)
        ]
    for kind, shares in FRAME_LOSS.items():
        found[kind] = [
            {"severity": share, "r2": scored(features(_drop_frames(dataset, pairs, kind, share)))}
            for share in shares
        ]
    return found


def _drop_frames(dataset: EvaluationDataset, pairs: Clips, kind: str, share: float) -> Clips:
    """Pairs some of whose frames never came."""
    rows, rng = pairs.rows.copy(), np.random.default_rng(0)
    if kind == "frozen frames":
        frozen = rng.random(len(rows)) < share
        rows[frozen, 1] = rows[frozen, 0]
        return Clips(pairs.bag, rows, pairs.episode)
    missing = rng.random(rows.shape) < share
    for number, bag in enumerate(dataset.bags):
        begins = np.array([start for start, _ in bag.info["episodes"]])
        here = missing & (pairs.bag == number)[:, None] & ~np.isin(rows, begins)
        rows[here] -= 1
    return Clips(pairs.bag, rows, pairs.episode)


def _probe_inputs(dataset: EvaluationDataset, features: Features, pairs: Clips, variant: str) -> np.ndarray:
    """What a probe sees [C, 2 D]: the pair, or what a control makes of it."""
    rows = pairs.rows.copy()
    if variant == "single frame":
        rows[:, 1] = rows[:, 0]
    elif variant == "shuffled time":
        rng = np.random.default_rng(0)
        for group in np.unique(pairs.groups):
            here = np.flatnonzero(pairs.groups == group)
            rows[here, 1] = rng.permutation(rows[here, 1])
    return _pair(features(Clips(pairs.bag, rows, pairs.episode)))


def _pair(tokens: np.ndarray) -> np.ndarray:
    """What a probe is given of two mean tokens [C, 2, D]: the first, and how the second differs from it [C, 2 D]."""
    return np.concatenate([tokens[:, 0], tokens[:, 1] - tokens[:, 0]], axis=1).astype(np.float32)


def _features_of(dataset: EvaluationDataset, encoder: str, layer: str) -> Features:
    return lambda clips: dataset.features(encoder, layer, clips)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
