"""What a comparison came to, as files in its folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from wm_ros.bench.bottlenecks.capacity import draw_capacity
from wm_ros.bench.bottlenecks.picture import draw
from wm_ros.bench.bottlenecks.runs import RANDOM, Run, write_json
from wm_ros.bench.bottlenecks.sweep import SweepOptions
from wm_ros.bench.bottlenecks.table import PLAN_ERROR, figures_of, markdown, tabulate
from wm_ros.data.recording import Recording
from wm_ros.evaluation.plan_error import plan_error, recorded_pairs
from wm_ros.models.card import read_card
from wm_ros.robots.profile import ProfileError, RobotProfile, differences, load_profile
from wm_ros.training.validation_split import Split

NO_ACTION = "no action"
EMBEDDED = ("arm", "arm_two_cameras", "rover", "pusher", "so101_sim")


def why_no_goals(profile: RobotProfile, goals: int) -> str | None:
    """Why planning success cannot be measured, None where it can."""
    if not goals:
        return "--goals 0"
    if profile.simulator is not None and profile.simulator.embedded is None:
        return _why_no_environment(profile)
    found = {name: differences(load_profile(name), profile) for name in EMBEDDED}
    if all(found.values()):
        known = ", ".join(f"{name} ({differing[0]})" for name, differing in found.items())
        return f"there is no simulation of robot {profile.name!r}, only of the embedded {known}"
    return None if find_spec("mujoco") else "mujoco is not installed: pip install 'wm_ros[sim]'"


def _why_no_environment(profile: RobotProfile) -> str | None:
    from wm_ros.tasks.simulated import simulated, task_of

    try:
        robot = simulated(profile)
        task_of(profile, robot)
        robot.simulator()
    except ProfileError as error:
        return str(error)
    return None


def make_table(
    runs: Sequence[Run], recording: Recording, about: Mapping[str, Any], no_goals: str | None
) -> dict[str, Any]:
    """The rows of all models and controls, what their figures mean, and `about`, as JSON data."""
    found: dict[str, list[dict[str, float]]] = {}
    for run in sorted(runs, key=lambda run: run.model == RANDOM):
        found.setdefault(run.model, []).append(run.figures)
    episodes = next(run.options for run in runs if run.options).split(recording)
    ways = recorded_pairs(recording, episodes.test)
    still = plan_error(recording.profile, ways, np.zeros_like(ways.displacement))
    found[NO_ACTION] = [{f"{PLAN_ERROR}{unit}": round(error, 4) for unit, error in still.items()}]
    rows = tabulate(found)
    return {
        "about": {**about, **_episodes(recording, episodes), "versions": _versions(runs)},
        "left_out": {} if no_goals is None else {"planning_success": no_goals},
        "figures": figures_of(rows),
        "rows": rows,
    }


def asked_for(source: str, options: SweepOptions, encoder: str) -> dict[str, Any]:
    """What was asked for, in words."""
    return {
        "recording": source,
        "encoder": encoder,
        "seeds": options.seeds,
        "goals per seed": options.goals,
        "effort": options.effort,
    }


def write_report(table: Mapping[str, Any], out: Path) -> list[str]:
    """Write the table as data, for people and as a picture, and with varied bottlenecks capacity.png; returns the
    names of the files."""
    write_json(out / "table.json", table)
    (out / "table.md").write_text(markdown(table), encoding="utf-8")
    draw(table, out / "table.png")
    capacities = draw_capacity(table, out / "capacity.png")
    return ["table.json", "table.md", "table.png", *(["capacity.png"] if capacities else [])]


def _episodes(recording: Recording, episodes: Split) -> dict[str, str]:
    return {
        "frames": f"{len(recording.frames)} at {recording.camera_rate_hz:.3g} Hz, {len(recording.episodes)} episodes",
        "episodes": f"{len(episodes.train)} to train on, {len(episodes.labelled)} of them with commands; held out "
        f"{len(episodes.validation)} to choose weights by and {len(episodes.test)} that score",
    }


def _versions(runs: Sequence[Run]) -> str:
    """What the models were trained with, which need not be one version where a comparison was gone on with."""
    cards = [read_card(run.folder) for run in runs if run.options]
    found = {
        ", ".join(f"{name} {version}" for name, version in card.training["versions"].items())
        for card in cards
    }
    return "; ".join(sorted(found))
