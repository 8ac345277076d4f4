"""Planning against the operator: from a held-out frame to one that was reached, by plans and by the recorded commands.

The figure of [LAM] for DROID, component by component, with plans of random actions and of none as controls; and for
mobile bases the error of the driven path, as evo computes it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from wm_ros.evaluation import plan_error
from wm_ros.evaluation.dataset.dataset import Clips, EvaluationDataset
from wm_ros.evaluation.plan_error import HORIZON, StartGoalPairs
from wm_ros.evaluation.studies.dynamics import commands_skip_reason, kept_clips, skip_reason
from wm_ros.evaluation.studies.statistics import Statistics, ratio_statistics
from wm_ros.evaluation.studies.trajectory import path_errors
from wm_ros.models.checkpoint import load_checkpoint
from wm_ros.robots.planar import twist_components
from wm_ros.robots.profile import RobotProfile

PLANS = 100

Progress = Callable[[float], None]


def against_operator(
    dataset: EvaluationDataset, checkpoint: Path, profile: RobotProfile, progress: Progress
) -> dict[str, Any]:
    """Errors of the summed action of plans, in total by unit and by component; or `left_out`, and why."""
    model = load_checkpoint(checkpoint)
    reason = skip_reason(dataset) or commands_skip_reason(dataset, model.card.robot, profile)
    if reason:
        return {"left_out": reason}
    latents, clips = kept_clips(dataset, labelled=True)
    chosen = np.unique(np.linspace(0, len(latents) - 1, PLANS).round().astype(int))
    recorded = dataset.actions(_until(clips[chosen], HORIZON))
    flat = torch.from_numpy(latents[chosen][:, [0, HORIZON]]).flatten(0, 1)
    starts = 2 * np.arange(len(chosen))
    pairs = StartGoalPairs(starts, starts + 1, recorded.sum(axis=1) * profile.model_dt)
    planned = plan_error.plans(model, flat, pairs, 0, lambda done: progress(done / len(chosen)))
    rates = {"planned": planned, "random": plan_error.random_plans(profile, pairs, 0), "zero": 0.0 * recorded}
    found: dict[str, Any] = {
        "plans": len(chosen),
        "horizon_s": round(HORIZON * profile.model_dt, 6),
        "moved": _rounded(plan_error.plan_error(profile, pairs, 0.0 * pairs.displacement)),
        "by_unit": {},
        "by_component": {},
    }
    for name, rate in rates.items():
        displacement = rate.sum(axis=1) * profile.model_dt
        found["by_unit"][name] = _rounded(plan_error.plan_error(profile, pairs, displacement))
        errors = np.abs(displacement - pairs.displacement).mean(axis=0)
        found["by_component"][name] = _rounded(dict(zip(profile.names, errors.tolist(), strict=True)))
    found["shares"] = _shares(profile, pairs, planned.sum(axis=1) * profile.model_dt, clips[chosen].groups)
    off = {
        name: np.abs(rate.sum(axis=1) * profile.model_dt - pairs.displacement).sum(axis=1)
        for name, rate in rates.items()
    }
    found["closer_than_zero"] = round(float((off["planned"] < off["zero"]).mean()), 4)
    if twist := twist_components(profile):
        found["paths"] = {
            name: _rounded(path_errors(recorded, rate, twist, profile.model_dt))
            for name, rate in rates.items()
        }
    return found


def _shares(
    profile: RobotProfile, pairs: StartGoalPairs, displacement: np.ndarray, episodes: np.ndarray
) -> dict[str, Statistics]:
    """The plans' error as a share of that of not moving at all, by unit."""
    units = np.array([plan_error.displacement_unit(unit) for unit in profile.units])
    found = {}
    for unit in np.unique(units):
        of_unit = units == unit
        parts, wholes = (
            np.linalg.norm(some[:, of_unit], axis=1)[:, None]
            for some in (displacement - pairs.displacement, pairs.displacement)
        )
        if wholes.any():
            found[str(unit)] = ratio_statistics(parts, wholes, episodes)
    return found


def _until(clips: Clips, steps: int) -> Clips:
    return Clips(clips.bag, clips.rows[:, : steps + 1], clips.episode)


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in values.items()}
