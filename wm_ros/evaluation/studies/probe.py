"""How much of the action is in a latent: a probe on held-out episodes, with controls, by layer and under corruption.

The probe of [ACT]: an MLP on the mean tokens of two frames a model step apart, scored as R2 on held-out episodes; of
few episodes a ridge regression, cross-validated over all of them. Controls are fitted in the same way on less:
`constant` predicts the mean, `single frame` sees the first frame twice, and `shuffled time` sees as second frame
another of the same episode. What a control reaches, no motion is needed for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wm_ros.data.verdict import still_components
from wm_ros.evaluation.config import FEW_EPISODES, EvaluationConfig
from wm_ros.evaluation.dataset.corruptions import FRAME_LOSS, SEVERITIES
from wm_ros.evaluation.dataset.dataset import Clips, EvaluationDataset, joined
from wm_ros.evaluation.dataset.encoders import OUTPUT
from wm_ros.evaluation.files import slug
from wm_ros.evaluation.studies.fitted_probes import fit_networks, fit_ridges
from wm_ros.evaluation.studies.groups import groups_of
from wm_ros.evaluation.studies.statistics import Statistics, r2_statistics

STEPS = 3000
FITTED_PAIRS = 10_000
SCORED_PAIRS = 4_000
RIDGE_PAIRS = 4_000
CONTROLS = ("single frame", "shuffled time")

Progress = Callable[[float], None]
Features = Callable[[Clips], np.ndarray]
Score = Callable[[Clips, np.ndarray], "Statistics | None"]  # of pairs, and of what a probe is given of them


def probe(
    dataset: EvaluationDataset, config: EvaluationConfig, encoder: str, progress: Progress
) -> dict[str, Any]:
    """Layers, controls and the ladder of one encoder; or `left_out`, and why."""
    reason = skip_reason(dataset, config)
    if reason:
        return {"left_out": reason}
    layers = list(dataset.layers(encoder))
    found: dict[str, Any] = {"layers": {}}
    for index, layer in enumerate(layers):

        def done(share: float, index: int = index) -> None:
            progress((index + share) / len(layers))

        features = _features_of(dataset, encoder, layer)
        result, score = probe_features(dataset, config, features, layer == OUTPUT, done)
        found["layers"][layer] = result
    found["ladder"] = _corruption_scores(dataset, encoder, score)
    return found


def probe_kind(dataset: EvaluationDataset) -> dict[str, Any]:
    """Which probe is used, `ridge` or `MLP`, of how many episodes with commands, and why."""
    count = dataset.episode_count
    if dataset.few:
        why = (
            f"{count} episodes are fewer than {FEW_EPISODES}, and an MLP would learn them by heart: ridge regression, "
            "each episode held out in turn"
        )
        return {"kind": "ridge", "episodes": count, "why": why}
    why = f"{count} episodes are {FEW_EPISODES} or more: MLP of 256 and 128 units, a fifth of them held out"
    return {"kind": "MLP", "episodes": count, "why": why}


def skip_reason(dataset: EvaluationDataset, config: EvaluationConfig) -> str | None:
    """Why no probe can be fitted and scored, None where one can."""
    if not any(bag.info["labelled"] for bag in dataset.bags):
        return f"no commands on {config.command_topic} were recorded, and the probe reads commands"
    if reason := dataset.no_pairs_reason():
        return reason
    if all(bag.info["still"] for bag in dataset.bags):
        return "nothing moves in the pictures: is it the right camera, and does it see the robot?"
    fitted, held = (dataset.clips(role, 2, FITTED_PAIRS, labelled=True) for role in ("fit", "held"))
    if not len(held):
        return "one episode with commands: nothing can be held out; record at least two, better twenty"
    if not len(fitted):
        return "all episodes with commands are held out: give more bags"
    if len(_moving(dataset.actions(fitted)[:, 0])) == 0:
        return "the commands are always the same: record motion"
    return None


def probe_features(
    dataset: EvaluationDataset,
    config: EvaluationConfig,
    features: Features,
    controls: bool,
    progress: Progress,
    *,
    learned: bool = False,
) -> tuple[dict[str, Any], Score]:
    """Fit probes on features of pairs, and their controls; the scores, and the way to score other features.

    features: of clips of two frames, [C, 2, D]. learned: by an encoder that was trained here, on the pictures that were
    kept of the episodes to fit on. Its probes are scored on the others alone; else, of few episodes, each is held out
    in turn.
    """
    cross = dataset.few and not learned
    roles = (
        (("all", RIDGE_PAIRS), ("all", RIDGE_PAIRS))
        if cross
        else (("fit", FITTED_PAIRS), ("held", SCORED_PAIRS))
    )
    fitted, held = (
        dataset.clips(role, 2, most, labelled=True, with_pictures=learned) for role, most in roles
    )
    wanted, actions = dataset.actions(fitted)[:, 0], dataset.actions(held)[:, 0]
    variants = ("pair", *CONTROLS) if controls else ("pair",)
    inputs = {name: _probe_inputs(features, fitted, name) for name in variants}
    if dataset.few:
        predict = fit_ridges(inputs, wanted, fitted.groups, cross, progress)
    else:
        predict = fit_networks(inputs, wanted, fitted.groups, config.steps(STEPS), progress)
    moving = _moving(wanted)
    groups = {"total": list(range(len(config.profile.action))), **groups_of(config.profile)}
    groups |= {name: [index] for index, name in enumerate(config.profile.names)}

    def statistics(
        true: np.ndarray, predictions: list[np.ndarray], of: np.ndarray, name: str
    ) -> Statistics | None:
        return r2_statistics(true, predictions, [index for index in groups[name] if index in moving], of)

    def score(pairs: Clips, flat: np.ndarray) -> Statistics | None:
        return statistics(
            dataset.actions(pairs)[:, 0], predict("pair", flat, pairs.groups), pairs.groups, "total"
        )

    found = {name: predict(name, _probe_inputs(features, held, name), held.groups) for name in variants}
    result: dict[str, Any] = {name: statistics(actions, found["pair"], held.groups, name) for name in groups}
    if controls:
        mean = (
            _mean_of_others(wanted, held.groups)
            if cross
            else np.broadcast_to(wanted.mean(axis=0), actions.shape)
        )
        constant = statistics(actions, [mean], held.groups, "total")
        result["controls"] = {
            "constant": constant and constant["mean"],
            **{name: statistics(actions, found[name], held.groups, "total") for name in CONTROLS},
        }
        result["pairs"] = {"fitted": len(fitted), "scored": len(held)}
    return result, score


def _mean_of_others(actions: np.ndarray, episodes: np.ndarray) -> np.ndarray:
    """For each of actions [C, A] the mean of those in other episodes [C]."""
    of = np.unique(episodes, return_inverse=True)[1]
    sums = np.stack([np.bincount(of, column) for column in actions.T], axis=1)
    counts = np.bincount(of)[:, None]
    return ((sums.sum(axis=0) - sums) / (len(actions) - counts))[of]


def _moving(actions: np.ndarray) -> set[int]:
    return set(range(actions.shape[1])) - set(still_components(actions).tolist())


def _corruption_scores(
    dataset: EvaluationDataset, encoder: str, score: Score
) -> dict[str, list[dict[str, Any]]]:
    """R2 of the same probes on corrupted pairs: for each kind its severities."""
    bags = [(number, bag) for number, bag in enumerate(dataset.bags) if bag.info["labelled"]]
    bags = [(number, bag) for number, bag in bags if bag.has(slug(encoder), "ladder")]
    some = [dataset.clips_of(number, np.array(bag.array("ladder_rows"))) for number, bag in bags]
    role = "all" if dataset.few else "held"
    able = [np.isin(clips.episode, bag.episodes_of(role)) for clips, (_, bag) in zip(some, bags, strict=True)]
    pairs = joined([clips[mask] for clips, mask in zip(some, able, strict=True)])
    features = _features_of(dataset, encoder, OUTPUT)
    corrupted = np.concatenate(
        [bag.array(slug(encoder), "ladder")[:, :, mask] for mask, (_, bag) in zip(able, bags, strict=True)],
        axis=2,
    )
    found = {"none": [{"severity": 0.0, "r2": score(pairs, _pair(features(pairs)))}]}
    for kind, severities, tokens in zip(SEVERITIES, SEVERITIES.values(), corrupted, strict=True):
        found[kind] = [
            {"severity": severity, "r2": score(pairs, _pair(worse))}
            for severity, worse in zip(severities, tokens, strict=True)
        ]
    for kind, shares in FRAME_LOSS.items():
        found[kind] = [
            {
                "severity": share,
                "r2": score(pairs, _pair(features(_drop_frames(dataset, pairs, kind, share)))),
            }
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


def _probe_inputs(features: Features, pairs: Clips, variant: str) -> np.ndarray:
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
