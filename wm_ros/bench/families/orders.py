"""The orders that the papers found, asked of these encoders: by family, with commands, and in spoilt pictures."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from wm_ros.bench.families.comparison import Comparison, compare
from wm_ros.bench.families.probes import ACTION, APART, CORRUPTIONS, Errors
from wm_ros.bench.families.runs import COMMANDS, PIXELS, RANDOM, Run
from wm_ros.training.objectives.kinds import OBJECTIVES

# [ACT]: from the family that knows most of the action to the one that knows least.
PUBLISHED_ORDER = ("video-predictive", "video-reconstruction", "image", "autoencoder")
# [ACT], LIBERO, held-out tasks: R2 of frozen features, and with inverse-dynamics supervision.
PUBLISHED = {
    "video-predictive": {"V-JEPA 2 ViT-L": (0.40, 0.85), "V-JEPA 2.1 ViT-B": (0.44, 0.82)},
    "video-reconstruction": {"VideoMAE-L": (0.46, 0.75)},
    "end-to-end": {"LAPA": (0.41, 0.51)},
    "image": {"Web-DINO": (-0.01, 0.16), "SigLIP 2": (0.05, 0.17)},
    "autoencoder": {"SDXL VAE": (-0.55, -0.41), "Cosmos tokenizer": (-0.36, -0.29)},
}
PUBLISHED_ROBUSTNESS = "V-JEPA 2 under noise / blur: frozen -1.18 / -4.66, supervised .66 / .56"
LEAST_CONTROL = 0.1
BY_SCENE = 0.5  # share of the pair's R2 that a control reaches where scenes stand in for motion

MAIN = f"{ACTION} {APART[0]}"
SPOILT = tuple(f"{MAIN} {kind}" for kind in CORRUPTIONS)


def orders(runs: Sequence[Run]) -> dict[str, list[dict[str, Any]]]:
    """Comparisons by what they are about, from finished runs; those whose rows are missing are left out."""
    errors: dict[str, dict[int, Errors]] = {}
    for run in runs:
        if run.finished:
            errors.setdefault(run.row, {})[run.seed] = run.errors()
    means = {row: _means(runs, row) for row in errors}
    state = tuple(name for name in next(iter(means.values()), {}) if _is_state(name))

    def ask(what: str, names: Sequence[str], pairs: Sequence[tuple[str, str]]) -> list[Comparison]:
        found = [
            compare(more, less, what, errors[more], errors[less], names)
            for more, less in pairs
            if more in errors and less in errors and names
        ]
        return [one for one in found if one is not None]

    def ordered(names: Sequence[str]) -> list[tuple[str, str]]:
        families = [name for name in OBJECTIVES if name in errors]
        families.sort(key=lambda row: -sum(means[row].get(name, 0.0) for name in names))
        return list(itertools.pairwise(families))

    lifts = [(run.row, run.family) for run in runs if run.supervision is not None and run.seed == 0]
    known = [name for name in (*OBJECTIVES, COMMANDS) if name in errors]
    found = {
        "families, as found": [*ask(ACTION, (MAIN,), ordered((MAIN,))), *ask("state", state, ordered(state))],
        "families, as published": ask(ACTION, (MAIN,), list(itertools.pairwise(PUBLISHED_ORDER))),
        "more than controls": [
            *ask(ACTION, (MAIN,), [(name, control) for name in known for control in (RANDOM, PIXELS)])
        ],
        "lift of supervision": [*ask(ACTION, (MAIN,), lifts), *ask("state", state, lifts)],
        "robustness": [
            *ask("action in spoilt pictures", SPOILT, ordered(SPOILT)),
            *ask("action in spoilt pictures", SPOILT, lifts),
        ],
    }
    return {about: [one.to_dict() for one in some] for about, some in found.items() if some}


def warnings(rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What must be known before figures are believed: scenes that stand in for motion, and encoders that collapsed."""
    found = []
    for row, figures in rows.items():
        pair = figures[MAIN]["mean"]
        for control in ("single frame", "shuffled time"):
            reached = figures[f"{MAIN} {control}"]["mean"]
            if reached > max(LEAST_CONTROL, BY_SCENE * pair):
                found.append(
                    f"{row}: {control} reads {reached:.2f} of the action, the pair {pair:.2f}: what stands in the "
                    "scene, or where the robot is, tells much of the command, and no motion need be seen for it"
                )
        if figures["effective_dimensions"]["mean"] < 2.0 and figures["numbers"]["mean"] > 2:
            found.append(
                f"{row}: its {figures['numbers']['mean']:.0f} numbers have "
                f"{figures['effective_dimensions']['mean']:.1f} effective dimensions: it has collapsed"
            )
    return found


def _means(runs: Sequence[Run], row: str) -> dict[str, float]:
    some = [(run.result or {})["figures"] for run in runs if run.row == row and run.finished]
    return {name: sum(figures[name] for figures in some) / len(some) for name in some[0]}


def _is_state(name: str) -> bool:
    return name.startswith("state ") and not any(name.endswith(f" {kind}") for kind in CORRUPTIONS)
