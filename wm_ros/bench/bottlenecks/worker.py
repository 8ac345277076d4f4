"""One process of a comparison: trains and measures one run after the other, on states that were made before."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.queues import SimpleQueue
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
from wm_ros.planning.options import PlannerOptions
from wm_ros.training import train as training
from wm_ros.training.memory import keep_memory
from wm_ros.training.split import split

REPORT_EVERY_S = 0.3


@dataclass(frozen=True)
class Shared:
    """What all runs have in common. recording: without pixels; encoder: as in a card; source: for the card."""

    out: Path
    recording: Recording
    options: training.TrainOptions
    encoder: dict[str, Any]
    source: str


_shared: Shared
_reports: SimpleQueue


def start(shared: Shared, reports: SimpleQueue) -> None:
    """Make this process a worker, which puts (run, phase, share of the run, figures) into `reports`."""
    global _shared, _reports
    _shared, _reports = shared, reports
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C is answered by the parent
    torch.set_num_threads(1)
    keep_memory()


def work(run: Run) -> None:
    """Train a run and measure how it plans, as far as that is not done."""
    shared, steps = _shared, _Steps(run)
    encoder_of, states = load_prepared(shared.out, shared.recording.profile, shared.options, shared.encoder)
    if not run.trained:
        how = training.Run(resume=True)
        training.train(
            shared.recording, run.folder, run.options, shared.source, steps.phase, encoder_of, how, states
        )
    if run.planning is None:
        model = None if run.options is None else load_checkpoint(run.folder)
        run.keep_planning(_planning(run, model, states, steps))


def _planning(run: Run, model: WorldModel | None, states: torch.Tensor, steps: _Steps) -> dict[str, float]:
    """Plan errors, and where it is asked for the success of driving to goal pictures; of random actions if no model."""
    recording = _shared.recording
    ways = plan_error.recorded_ways(recording, split(recording, _shared.options).scored)
    report = steps.phase("plan error", len(ways.starts))
    if model is None:
        moved = plan_error.at_random(recording.profile, ways, run.seed)
    else:
        moved = plan_error.planned(model, states, ways, run.seed, report)
    errors = plan_error.plan_error(recording.profile, ways, moved)
    figures = {f"plan_error_{unit}": round(error, 4) for unit, error in errors.items()}
    if run.goals:
        figures["planning_success"] = _success(run, model, steps.phase("goals", run.goals))
    return figures


def _success(run: Run, model: WorldModel | None, report: Callable[[int], None]) -> float:
    from wm_ros.evaluation.lockstep import LockstepOptions, at_random, by_model, run_goals

    options, profile = LockstepOptions(), _shared.recording.profile
    aim = at_random(profile, options.camera_hz)
    if model is not None:
        aim = by_model(model, PlannerOptions(), options.latency_s)
    reached = []
    for score in run_goals(profile, aim, run.goals, run.seed, options):
        reached.append(score.success)
        report(len(reached))
    return round(float(np.mean(reached)), 4)


class _Steps:
    """Says how far a run is, every now and then."""

    def __init__(self, run: Run) -> None:
        self._run, self._begun = run, 0
        training = 0 if run.trained else 2 if run.options.labelled else 4
        self._phases = training + (run.planning is None) * (1 + (run.goals > 0))

    def phase(self, name: str, steps: int) -> Callable[..., None]:
        before, last = self._begun, 0.0
        self._begun += 1

        def report(step: int, figures: dict[str, float] | None = None) -> None:
            nonlocal last
            now = time.monotonic()
            if step == steps or now - last >= REPORT_EVERY_S:
                last = now
                _reports.put((self._run.name, name, (before + step / steps) / self._phases, figures or {}))

        return report
