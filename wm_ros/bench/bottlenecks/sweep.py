"""Trains and measures all runs of a comparison in several processes, and goes on where it was ended."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np

from wm_ros.bench.bottlenecks.encoder import prepare
from wm_ros.bench.bottlenecks.runs import MODELS, Run, SweepError, all_runs, varied, write_json
from wm_ros.bench.bottlenecks.worker import Shared, work
from wm_ros.data.recording import Recording
from wm_ros.models.encoder_checkpoint import EncoderCheckpoint
from wm_ros.models.world_model import WorldModel
from wm_ros.planning.options import planner_of
from wm_ros.training.optimise import Report
from wm_ros.training.run_identity import identity, require_same
from wm_ros.training.train import TrainOptions, new_card
from wm_ros.training.worker_pool import Workers


@dataclass(frozen=True)
class SweepOptions:
    """seeds: runs of each model; goals: pictures that each run drives to, 0 for none; effort: share of the default
    number of steps; jobs: runs at a time; vary: bottlenecks with other numbers, see `varied`."""

    seeds: int = 3
    goals: int = 10
    effort: float = 1.0
    jobs: int = 2
    vary: tuple[str, ...] = ()


class View(Protocol):
    """Who is told how it goes."""

    def phase(self, name: str, steps: int) -> Report:
        """A phase that comes before the runs."""

    def begin(self, runs: int) -> None:
        """So many runs are left to do."""

    def progress(self, run: str, phase: str, share: float, figures: dict[str, float]) -> None:
        """A run has got so far."""

    def done(self, run: str, figures: dict[str, float], error: BaseException | None) -> None:
        """A run is finished, or has failed."""


def sweep(
    recording: Recording,
    out: Path,
    options: SweepOptions,
    source: str,
    view: View,
    encoder_of: WorldModel | EncoderCheckpoint | None = None,
    cache_dir: Path | None = None,
) -> list[Run]:
    """Train and measure every model with every seed on one recording, with one encoder; returns the finished runs.

    All runs hold out the same episodes: those that the training of the encoder held out. A run that is finished in the
    folder `out` is not repeated. The number of jobs changes no figure.

    source: what the recording is, for the cards. encoder_of: a model whose encoder is taken over instead of training
    one. cache_dir: for what the training of the encoder caches (default TMPDIR). Raises SweepError when the folder
    holds another comparison, or a run with other options.
    """
    shared = TrainOptions(split_seed=_split_seed(encoder_of)).scaled(options.effort)
    taken = None if encoder_of is None else encoder_of.encoder
    same = identity(recording, new_card(recording.profile, shared, encoder_of), shared, taken)
    what = json.loads(json.dumps({"effort": options.effort, **same}))
    # What the goal distance proposes would reach goals that the latent actions compared here do not.
    planner = replace(planner_of(recording.profile), proposals=False)
    models = [*MODELS, *(model for entry in options.vary for model in varied(entry))]
    runs = all_runs(out, shared, models, options.seeds, options.goals, planner)
    require_same(out, out / "sweep.json", what, "comparison", SweepError)
    for run in runs:
        run.require_same_options()
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "sweep.json", what)
    prepare(out, recording, shared, what, encoder_of, view.phase, cache_dir)
    left = [run for run in runs if not run.trained or run.planning is None]
    view.begin(len(left))
    # The workers have the states; pixels would be copied to each of them.
    blind = replace(recording, frames=np.empty((len(recording.frames), 0, 0, 3), np.uint8))
    _work(left, options.jobs, Shared(out, blind, shared, what["model"]["encoder"], source), view)
    return runs


def _work(runs: list[Run], jobs: int, shared: Shared, view: View) -> None:
    """Do all runs; when one fails, the others are done all the same, and then the error of the first is raised."""
    named = {run.name: run for run in runs}

    def done(name: str, error: BaseException | None) -> None:
        view.done(name, {} if error else named[name].figures, error)

    with Workers(jobs) as workers:
        workers.run([(run.name, partial(work, shared, run)) for run in runs], view.progress, done)


def _split_seed(encoder_of: WorldModel | EncoderCheckpoint | None) -> int:
    """The seed by which the training of an encoder held out episodes."""
    trained_with = {} if encoder_of is None else encoder_of.card.training.get("options", {})
    split_seed = trained_with.get("split_seed")
    return trained_with.get("seed", 0) if split_seed is None else split_seed
