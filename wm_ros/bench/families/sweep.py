"""Trains and probes all encoders of a comparison, in one process or several, and goes on where it was ended."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from wm_ros.bench.bottlenecks.runs import SweepError, write_json
from wm_ros.bench.bottlenecks.sweep import View
from wm_ros.bench.families.episodes import roles
from wm_ros.bench.families.material import Material, named_parts, without_pixels, write_frames
from wm_ros.bench.families.runs import FamiliesOptions, Run, all_runs
from wm_ros.bench.families.worker import work
from wm_ros.data.recording import Recording
from wm_ros.training.run_identity import identity, require_same
from wm_ros.training.train import TrainOptions, new_card
from wm_ros.training.worker_pool import Workers

SWEEP = "families.json"


def sweep(
    recording: Recording,
    states: np.ndarray | None,
    out: Path,
    options: FamiliesOptions,
    view: View,
    cache_dir: Path | None = None,
) -> list[Run]:
    """All runs, finished or failed. What is finished in `out` is not repeated; what failed is tried again.

    states: the true state of every frame [F, P], None where it is not known. cache_dir: for what training
    caches (default TMPDIR). Raises TrainingError with too few episodes to hold out, SweepError when the folder holds
    another comparison.
    """
    chosen = roles(recording)
    own = TrainOptions(encoder_kind="video")
    same = identity(recording, new_card(recording.profile, own), own, None)
    what: dict[str, Any] = {
        "effort": options.effort,
        "probe_steps": options.probe_steps,
        "states": states is not None,
        **{name: same[name] for name in ("wm_ros", "data")},
        "encoder": same["model"]["encoder"],
        "robot": same["model"]["robot"],
    }
    what = json.loads(json.dumps(what))
    require_same(out, out / SWEEP, what, "comparison", SweepError)
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / SWEEP, what)
    runs = all_runs(out, options)
    left = [run for run in runs if not run.finished]
    view.begin(len(left))
    if left:
        folder = out / ".frames"
        parts = {} if states is None else named_parts(recording.profile, states)
        material = Material(
            without_pixels(recording), folder / "frames.npy", parts, chosen, options, cache_dir
        )
        write_frames(recording, material.frames)
        try:
            _work(left, material, view)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return runs


def _work(runs: list[Run], material: Material, view: View) -> None:
    named = {run.name: run for run in runs}

    def done(name: str, error: BaseException | None) -> None:
        result = named[name].result or {}
        reason = RuntimeError(result["failed"]) if "failed" in result else None
        view.done(name, result.get("figures", {}), error or reason)

    with Workers(material.options.jobs) as workers:
        workers.run([(run.name, partial(work, material, run)) for run in runs], view.progress, done)
