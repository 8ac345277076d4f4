"""The token model of a task with things, trained on a recording that travelled with the script."""

from __future__ import annotations

import shutil
import time

from wm_ros.bench.gpu.rows import Rows, Setup
from wm_ros.data.packed import unpack
from wm_ros.training.optimise import Report
from wm_ros.training.train import TrainOptions, train

TRIAL_EFFORT, TOY_EFFORT = 0.01, 0.001
OF_THE_TIME = 0.8  # that is left: steps need not take as long as in the trial


class Timed:
    """Phases of a training, whose seconds a step it finds out."""

    def __init__(self) -> None:
        self.phases: dict[str, tuple[int, float]] = {}  # steps, and seconds of all of them

    def __call__(self, name: str, steps: int) -> Report:
        started = time.monotonic()

        def report(step: int, figures: dict[str, float]) -> None:
            nonlocal started
            if step == 1 and steps > 1:
                started = time.monotonic()  # what the first one sets up counts no longer
            taken = time.monotonic() - started
            self.phases[name] = steps, taken * steps / max(1, step - 1)

        return report

    @property
    def seconds(self) -> float:
        """Of all steps."""
        return sum(seconds for _, seconds in self.phases.values())


def measure(setup: Setup, rows: Rows) -> None:
    """Train in as many of the default steps as the time allows, and leave the checkpoint in OUT/model.

    Which success it has is measured elsewhere: `wm_ros bench goals OUT/model --profile ...`.
    """
    if setup.recording is None:
        rows.add("training", {"skipped": "no recording was given: --recording FILE"})
        return
    began = time.monotonic()
    recording, source = unpack(setup.recording), setup.recording.name
    options, trial, model = TrainOptions(encoder_kind="video"), setup.out / "trial", setup.out / "model"
    for folder in (trial, model):
        shutil.rmtree(folder, ignore_errors=True)
    least, most = (TOY_EFFORT, TOY_EFFORT) if setup.toy else (TRIAL_EFFORT, 1.0)
    timed, started = Timed(), time.monotonic()
    train(recording, trial, options.scaled(least), source, timed)
    shutil.rmtree(trial)
    rows.add("trial, seconds a step", {name: round(s / n, 4) for name, (n, s) in timed.phases.items()})
    around = time.monotonic() - started - timed.seconds
    left = OF_THE_TIME * (setup.seconds - (time.monotonic() - began)) - around
    effort = min(most, max(least, least * left / max(timed.seconds, 1e-3)))
    started = time.monotonic()
    found = train(recording, model, options.scaled(effort), source, Timed())
    rows.add(
        "training",
        {
            "effort": round(effort, 3),
            "seconds": round(time.monotonic() - started, 1),
            "episodes": len(recording.episodes),
            "weights_mb": round((model / "weights.safetensors").stat().st_size / 1e6, 2),
            **{name: round(value, 4) for name, value in found.items()},
        },
    )
