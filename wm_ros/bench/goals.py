"""Goal pictures in lockstep: several checkpoints and random actions on the same unseen scenes and goals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from wm_ros.models.world_model import WorldModel
from wm_ros.planning.options import PlannerOptions, planner_of
from wm_ros.robots.profile import RobotProfile
from wm_ros.stages.plan import PlanResult
from wm_ros.tasks.lockstep import LockstepOptions, MakePolicy, model_policy, random_policy, run_goals

# A way back to a robot action fails when more than this is lost on it, in model steps at full rate, ...
MOST_MISSED = 0.5
# ... or when the action would be further outside the limits than this share of the full rate.
MOST_BEYOND = 0.01


@dataclass
class _Watched:
    """Plans of one row of the table: seconds of each, and what its first step loses on the way back."""

    seconds: list[float] = field(default_factory=list)
    failed: list[bool] = field(default_factory=list)

    def __call__(self, result: PlanResult, seconds: float) -> None:
        self.seconds.append(seconds)
        self.failed.append(result.missed > MOST_MISSED or result.beyond > MOST_BEYOND)

    def figures(self, planner: PlannerOptions) -> dict[str, object]:
        return {
            "candidates_per_plan": planner.batch_size * planner.iteration_count,
            "plan_ms_of_processor": round(1e3 * float(np.median(self.seconds)), 1),
            **(
                {"way_back_fails": round(float(np.mean(self.failed)), 3)} if planner.space == "latent" else {}
            ),
        }


def compare(
    models: Mapping[str, WorldModel],
    profile: RobotProfile,
    goals: int,
    seeds: int,
    progress: Callable[[str], None],
    spaces: Sequence[str] = ("action",),
) -> dict[str, dict[str, object]]:
    """Success, distances and their spread over seeds of each model, and of random actions.

    Every model gets the same scenes, starts and goals, once planned for in each of the spaces; with more than one of
    them the rows are named after both. progress: called with a name after each trial.
    """
    options = LockstepOptions()
    aims: dict[str, tuple[MakePolicy, Callable[[], dict[str, object]]]] = {}
    for name, model in models.items():
        for space in spaces:
            planner, watched = replace(planner_of(profile), space=space), _Watched()
            row = name if len(spaces) == 1 else f"{name}, {space}"
            aim = model_policy(model, planner, options.latency_s, watched)
            aims[row] = aim, partial(watched.figures, planner)
    aims["random actions"] = random_policy(profile, options.camera_hz), dict
    table = {}
    for name, (aim, plans) in aims.items():
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
            **plans(),
            "trials": len(scores),
        }
    return table
