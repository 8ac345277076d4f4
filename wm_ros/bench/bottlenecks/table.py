"""The table of a comparison: mean and spread over the seeds of every figure, as data and as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wm_ros.training.metric_descriptions import METRIC_DESCRIPTIONS

BELOW, ABOVE = "none", "deterministic"  # the bounds of the one-step error
POSITION = "one_step_position"

OWN = {
    POSITION: f"one-step error between its bounds: `{BELOW}` is 0, `{ABOVE}` is 1",
    "action_probe_r2": f"{METRIC_DESCRIPTIONS['action_probe_r2']}, whatever the model",
    "planning_success": "share of goal pictures in unseen scenes that were reached, in lockstep",
}
ORDER = (
    "one_step",
    POSITION,
    "rollout",
    "leakage",
    "cycle",
    "motion",
    "action_gap_shuffled",
    "action_gap_zero",
    "planning_gap",
    "controller_rollout",
    "controller_gap",
    "latent_action_r2",
    "action_probe_r2",
    "planning_success",
)
# Figures in the order of the table, with what they mean. Plan errors come last, one for each unit.
FIGURES = {name: (METRIC_DESCRIPTIONS | OWN)[name] for name in ORDER}
PLAN_ERROR = "plan_error_"

Row = dict[str, dict[str, Any]]


def tabulate(runs: Mapping[str, Sequence[Mapping[str, float]]]) -> dict[str, Row]:
    """For each model, the figures of its runs in the order of the seeds -> `mean`, `low`, `high` and `by_seed`."""
    placed = {model: [dict(figures) for figures in seeds] for model, seeds in runs.items()}
    for seeds in placed.values():
        for seed, figures in enumerate(seeds):
            position = _position(figures, runs[BELOW][seed], runs[ABOVE][seed])
            if position is not None:
                figures[POSITION] = position
    return {model: over_seeds(seeds) for model, seeds in placed.items()}


def figures_of(rows: Mapping[str, Row]) -> dict[str, str]:
    """The figures that any model has, with their meaning."""
    names = {name for row in rows.values() for name in row}
    errors = {
        name: f"planned against recorded motion, three model steps ahead, {name.removeprefix(PLAN_ERROR)}"
        for name in sorted(names)
        if name.startswith(PLAN_ERROR)
    }
    return {name: meaning for name, meaning in {**FIGURES, **errors}.items() if name in names}


def markdown(table: Mapping[str, Any]) -> str:
    """The table with its header, to be pasted: figures down, models across, mean and (least .. most) of the seeds."""
    rows, figures = table["rows"], table["figures"]
    lines = [f"- {name}: {value}" for name, value in table["about"].items()]
    lines += [f"- no {name.replace('_', ' ')}: {reason}" for name, reason in table["left_out"].items()]
    lines += ["", f"| | {' | '.join(rows)} |", f"|---|{'---|' * len(rows)}"]
    for name in figures:
        cells = [cell(row.get(name)) for row in rows.values()]
        lines.append(f"| {name.replace('_', ' ')} | {' | '.join(cells)} |")
    lines += ["", *(f"- {name.replace('_', ' ')}: {meaning}" for name, meaning in figures.items())]
    return "\n".join(lines) + "\n"


def cell(entry: Mapping[str, Any] | None) -> str:
    """`mean (least .. most)`, or the one value there is."""
    if entry is None:
        return ""
    if len(entry["by_seed"]) == 1:
        return f"{entry['mean']:.3g}"
    return f"{entry['mean']:.3g} ({entry['low']:.3g} .. {entry['high']:.3g})"


def _position(
    figures: Mapping[str, float], below: Mapping[str, float], above: Mapping[str, float]
) -> float | None:
    """Where a one-step error lies between the bounds of its seed; None without one, or where they coincide."""
    width = above["one_step"] - below["one_step"]
    return (figures["one_step"] - below["one_step"]) / width if "one_step" in figures and width else None


def over_seeds(seeds: Sequence[Mapping[str, float]]) -> Row:
    """Mean, least and most of each figure that every seed has, and its values by seed."""
    # In a seed without it, a figure is not known: its mean over fewer seeds would compare with nothing.
    names = [name for name in seeds[0] if all(name in figures for figures in seeds)]
    row = {}
    for name in names:
        values = [figures[name] for figures in seeds]
        summary = {"mean": sum(values) / len(values), "low": min(values), "high": max(values)}
        row[name] = {**{key: round(value, 4) for key, value in summary.items()}, "by_seed": values}
    return row
