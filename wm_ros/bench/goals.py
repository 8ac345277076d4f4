"""Goal pictures in lockstep: several checkpoints and random actions on the same unseen scenes and goals."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from wm_ros.models.world_model import WorldModel
from wm_ros.planning.options import planner_of
from wm_ros.robots.profile import RobotProfile
from wm_ros.tasks.lockstep import LockstepOptions, model_policy, random_policy, run_goals


def compare(
    models: Mapping[str, WorldModel],
    profile: RobotProfile,
    goals: int,
    seeds: int,
    progress: Callable[[str], None],
) -> dict[str, dict[str, object]]:
    """Success, distances and their spread over seeds of each model, and of random actions.

    Every model gets the same scenes, starts and goals. progress: called with a name after each trial.
    """
    options = LockstepOptions()
    aims = {
        name: model_policy(model, planner_of(profile), options.latency_s) for name, model in models.items()
    }
    aims["random actions"] = random_policy(profile, options.camera_hz)
    table = {}
    for name, aim in aims.items():
        scores = []
        for seed in range(seeds):
            for score in run_goals(profile, aim, goals, seed, options):
                scores.append(score)
                progress(name)
        success = np.array([score.success for score in scores]).reshape(seeds, goals)
        held = np.array([score.held_distance_m for score in scores])
        headings = [score.held_heading_deg for score in scores if score.held_heading_deg is not None]
        table[name] = {
            "success_rate": round(float(success.mean()), 3),
            "success_by_seed": success.mean(axis=1).round(3).tolist(),
            "within_6_cm": round(float((held <= 0.06).mean()), 3),
            "within_2_cm": round(float((held <= 0.02).mean()), 3),
            "median_held_distance_m": round(float(np.median(held)), 4),
            **({"median_held_heading_deg": round(float(np.median(headings)), 1)} if headings else {}),
            "trials": len(scores),
        }
    return table
