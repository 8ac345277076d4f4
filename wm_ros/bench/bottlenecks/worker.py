"""One run of a comparison: trained and measured on states that were made before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from wm_ros.bench.bottlenecks.encoder import load_prepared
from wm_ros.bench.bottlenecks.runs import Run
from wm_ros.data.recording import Recording
from wm_ros.evaluation import plan_error
from wm_ros.models.checkpoint import load_checkpoint
from wm_ros.models.world_model import WorldModel
from wm_ros.robots.profile import RobotProfile
from wm_ros.training import train as training
from wm_ros.training.worker_pool import Report


@dataclass(frozen=True)
class Shared:
    """What all runs have in common. recording: without pixels; encoder: as in a card; source: for the card."""

    out: Path
    recording: Recording
    options: training.TrainOptions
    encoder: dict[str, Any]
    source: str


def work(shared: Shared, run: Run, report: Report) -> None:
    """Train a run and measure how it plans, as far as that is not done; reports phase, share of the run, figures."""
    steps = _Steps(run, report)
    encoder_of, states = load_prepared(shared.out, shared.recording.profile, shared.options, shared.encoder)
    if (untrained := run.untrained) is not None:
        how = training.Run(resume=True)
        training.train(
            shared.recording,
            run.folder,
            untrained,
            shared.source,
            steps.phase,
            encoder_of=encoder_of,
            run=how,
            states=states,
        )
    if run.planning is None:
        model = None if run.options is None else load_checkpoint(run.folder)
        run.keep_planning(_planning(shared, run, model, states, steps))


def _planning(
    shared: Shared, run: Run, model: WorldModel | None, states: torch.Tensor, steps: _Steps
) -> dict[str, float]:
    """Plan errors, and where it is asked for the success of driving to goal pictures; of random actions if no model."""
    recording = shared.recording
    ways = plan_error.recorded_pairs(recording, shared.options.split(recording).test)
    report = steps.phase("plan error", len(ways.starts))
    if model is None:
        moved = plan_error.random_displacement(recording.profile, ways, run.seed)
    else:
        moved = plan_error.planned_displacement(model, states, ways, run.seed, report)
    errors = plan_error.plan_error(recording.profile, ways, moved)
    figures = {f"plan_error_{unit}": round(error, 4) for unit, error in errors.items()}
    if run.goals:
        figures["planning_success"] = _success(recording.profile, run, model, steps.phase("goals", run.goals))
    return figures


def _success(
    profile: RobotProfile, run: Run, model: WorldModel | None, report: Callable[[int], None]
) -> float:
    from wm_ros.tasks.lockstep import LockstepOptions, model_policy, random_policy, run_goals

    options = LockstepOptions()
    aim = random_policy(profile, options.camera_hz)
    if model is not None:
        aim = model_policy(model, run.planner, options.latency_s)
    reached = []
    for score in run_goals(profile, aim, run.goals, run.seed, options):
        reached.append(score.success)
        report(len(reached))
    return round(float(np.mean(reached)), 4)


class _Steps:
    """Says how far a run is."""

    def __init__(self, run: Run, report: Report) -> None:
        self._report, self._begun = report, 0
        untrained = run.untrained
        training = 0 if untrained is None else 3 if untrained.labelled else 5
        self._phases = training + (run.planning is None) * (1 + (run.goals > 0))

    def phase(self, name: str, steps: int) -> Callable[..., None]:
        before = self._begun
        self._begun += 1

        def report(step: int, figures: dict[str, float] | None = None) -> None:
            share = (before + step / steps) / self._phases
            self._report(name, share, figures or {}, at_once=step == steps)

        return report
