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
from wm_ros.evaluation.evidence.corruptions import LADDER, LOST
from wm_ros.evaluation.evidence.encoders import OUTPUT
from wm_ros.evaluation.evidence.parts import Chains, Evidence
from wm_ros.evaluation.evidence.request import SEEDS, Ask
from wm_ros.evaluation.files import slug
from wm_ros.evaluation.studies.groups import component_r2, groups_of, mean_r2
from wm_ros.evaluation.studies.statistics import spread
from wm_ros.robots.profile import RobotProfile
from wm_ros.training.probes import fit

STEPS = 3000
FITTED_PAIRS = 10_000
SCORED_PAIRS = 4_000
CONTROLS = ("single frame", "shuffled time")

Progress = Callable[[float], None]
Features = Callable[[Chains], np.ndarray]


def probe(evidence: Evidence, ask: Ask, encoder: str, progress: Progress) -> dict[str, Any]:
    """Layers, controls and the ladder of one encoder; or `left_out`, and why."""
    reason = why_not(evidence, ask.profile)
    if reason:
        return {"left_out": reason}
    layers = list(evidence.layers(encoder))
    found: dict[str, Any] = {"layers": {}}
    for place, layer in enumerate(layers):

        def done(share: float, place: int = place) -> None:
            progress((place + share) / len(layers))

        features = _of(evidence, encoder, layer)
        result, predict = probe_features(evidence, ask, features, layer == OUTPUT, done)
        found["layers"][layer] = result
    found["ladder"] = _ladder(evidence, ask.profile, encoder, predict)
    return found


def why_not(evidence: Evidence, profile: RobotProfile) -> str | None:
    """Why no probe can be fitted and scored, None where one can."""
    if not any(part.about["labelled"] for part in evidence.parts):
        return f"no commands on {profile.command.topic} were recorded, and the probe reads commands"
    if reason := evidence.no_pairs():
        return reason
    if all(part.about["still"] for part in evidence.parts):
        return "nothing moves in the pictures: is it the right camera, and does it see the robot?"
    fitted, held = (evidence.chains(role, 2, FITTED_PAIRS, labelled=True) for role in ("fit", "held"))
    if not len(held):
        return "one episode with commands: nothing can be held out; record at least two, better twenty"
    if not len(fitted):
        return "all episodes with commands are held out: give more bags"
    if len(_moving(evidence, fitted)) == 0:
        return "the commands are always the same: record motion"
    return None


def probe_features(
    evidence: Evidence,
    ask: Ask,
    features: Features,
    controls: bool,
    progress: Progress,
    pictured: bool = False,
) -> tuple[dict[str, Any], Callable[[np.ndarray, int], np.ndarray]]:
    """Fit three probes on features of pairs, and their controls; the scores, and the way to probe other features.

    features: of chains of pairs, [C, 2, D].
    """
    fitted, held = (
        evidence.chains(role, 2, most, labelled=True, pictured=pictured)
        for role, most in (("fit", FITTED_PAIRS), ("held", SCORED_PAIRS))
    )
    wanted, true = evidence.actions(fitted)[:, 0], evidence.actions(held)[:, 0]
    variants = ("pair", *CONTROLS) if controls else ("pair",)
    shown = {name: _shown(evidence, features, fitted, name) for name in variants}
    asked = {name: _shown(evidence, features, held, name) for name in variants}
    networks = [(name, seed) for name in variants for seed in range(SEEDS)]
    predict = fit(
        [shown[name] for name, _ in networks],
        wanted,
        fitted.groups,
        [seed for _, seed in networks],
        ask.steps(STEPS),
        progress,
    )
    scores = {
        name: [
            _scores(evidence, ask.profile, fitted, true, predict(asked[name], networks.index((name, seed))))
            for seed in range(SEEDS)
        ]
        for name in variants
    }
    result: dict[str, Any] = {key: spread([s[key] for s in scores["pair"]]) for key in scores["pair"][0]}
    if controls:
        constant = np.broadcast_to(wanted.mean(axis=0), true.shape)
        result = {
            **result,
            "controls": {
                "constant": _rounded(_scores(evidence, ask.profile, fitted, true, constant)["total"]),
                **{name: spread([s["total"] for s in scores[name]]) for name in CONTROLS},
            },
            "pairs": {"fitted": len(fitted), "scored": len(held)},
        }
    return result, predict


def _scores(
    evidence: Evidence, profile: RobotProfile, fitted: Chains, true: np.ndarray, predicted: np.ndarray
) -> dict[str, float | None]:
    """R2 in total, by group and by component; components that never moved are in none of them."""
    moving = _moving(evidence, fitted)
    by_component = [
        score if index in moving else None for index, score in enumerate(component_r2(true, predicted))
    ]
    groups = {
        name: mean_r2([by_component[index] for index in indexes])
        for name, indexes in groups_of(profile).items()
    }
    return {"total": mean_r2(by_component), **groups, **dict(zip(profile.names, by_component, strict=True))}


def _moving(evidence: Evidence, fitted: Chains) -> set[int]:
    actions = evidence.actions(fitted)[:, 0]
    return set(range(actions.shape[1])) - set(still_components(actions).tolist())


def _ladder(
    evidence: Evidence, profile: RobotProfile, encoder: str, predict: Callable[[np.ndarray, int], np.ndarray]
) -> dict[str, list[dict[str, Any]]]:
    """R2 of the same probes on corrupted held-out pairs: for each kind its severities."""
    parts = [(number, part) for number, part in enumerate(evidence.parts) if part.about["labelled"]]
    parts = [(number, part) for number, part in parts if part.has(slug(encoder), "ladder")]
    fitted = evidence.chains("fit", 2, FITTED_PAIRS, labelled=True)
    rows = [np.array(part.array("ladder_rows")) for _, part in parts]
    pairs = Chains(
        np.concatenate([np.full(len(some), number) for some, (number, _) in zip(rows, parts, strict=True)]),
        np.concatenate(rows),
        np.zeros(sum(map(len, rows)), dtype=int),
    )
    true = evidence.actions(pairs)[:, 0]
    features = _of(evidence, encoder, OUTPUT)

    def scored(tokens: np.ndarray) -> dict[str, object] | None:
        flat = _pair(tokens)
        return spread(
            [_scores(evidence, profile, fitted, true, predict(flat, seed))["total"] for seed in range(SEEDS)]
        )

    corrupted = np.concatenate([part.array(slug(encoder), "ladder") for _, part in parts], axis=2)
    found = {"none": [{"severity": 0.0, "r2": scored(features(pairs))}]}
    for kind, severities, tokens in zip(LADDER, LADDER.values(), corrupted, strict=True):
        found[kind] = [
            {"severity": severity, "r2": scored(some)}
            for severity, some in zip(severities, tokens, strict=True)
        ]
    for kind, shares in LOST.items():
        found[kind] = [
            {"severity": share, "r2": scored(features(_lost(evidence, pairs, kind, share)))}
            for share in shares
        ]
    return found


def _lost(evidence: Evidence, pairs: Chains, kind: str, share: float) -> Chains:
    """Pairs some of whose frames never came."""
    rows, choose = pairs.rows.copy(), np.random.default_rng(0)
    if kind == "frozen frames":
        frozen = choose.random(len(rows)) < share
        rows[frozen, 1] = rows[frozen, 0]
        return Chains(pairs.part, rows, pairs.episode)
    missing = choose.random(rows.shape) < share
    for number, part in enumerate(evidence.parts):
        begins = np.array([start for start, _ in part.about["episodes"]])
        here = missing & (pairs.part == number)[:, None] & ~np.isin(rows, begins)
        rows[here] -= 1
    return Chains(pairs.part, rows, pairs.episode)


def _shown(evidence: Evidence, features: Features, pairs: Chains, variant: str) -> np.ndarray:
    """What a probe sees [C, 2 D]: the pair, or what a control makes of it."""
    rows = pairs.rows.copy()
    if variant == "single frame":
        rows[:, 1] = rows[:, 0]
    elif variant == "shuffled time":
        choose = np.random.default_rng(0)
        for group in np.unique(pairs.groups):
            here = np.flatnonzero(pairs.groups == group)
            rows[here, 1] = choose.permutation(rows[here, 1])
    return _pair(features(Chains(pairs.part, rows, pairs.episode)))


def _pair(tokens: np.ndarray) -> np.ndarray:
    """What a probe is given of two mean tokens [C, 2, D]: the first, and how the second differs from it [C, 2 D]."""
    return np.concatenate([tokens[:, 0], tokens[:, 1] - tokens[:, 0]], axis=1).astype(np.float32)


def _of(evidence: Evidence, encoder: str, layer: str) -> Features:
    return lambda chains: evidence.features(encoder, layer, chains)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
