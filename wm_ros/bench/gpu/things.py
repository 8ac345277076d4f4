"""The token model of a task with things, trained on a recording that travelled with the script."""

from __future__ import annotations

import time
from pathlib import Path

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
    options, effort = TrainOptions(encoder_kind="video"), TOY_EFFORT
    if not setup.toy:
        trial, started = Timed(), time.monotonic()
        train(recording, setup.out / "trial", options.scaled(TRIAL_EFFORT), source, trial)
        around = time.monotonic() - started - trial.seconds
        left = OF_THE_TIME * (setup.seconds - (time.monotonic() - began)) - around
        effort = min(1.0, max(TRIAL_EFFORT, left / (trial.seconds / TRIAL_EFFORT)))
        rows.add("trial", {name: round(s / steps, 4) for name, (steps, s) in trial.phases.items()})
    started, timed = time.monotonic(), Timed()
    found = train(recording, setup.out / "model", options.scaled(effort), source, timed)
    weights = Path(setup.out / "model" / "weights.safetensors")
    rows.add(
        "training",
        {
            "effort": round(effort, 3),
            "seconds": round(time.monotonic() - started, 1),
            "episodes": len(recording.episodes),
            "weights_mb": round(weights.stat().st_size / 1e6, 2),
            **{name: round(value, 4) for name, value in found.items()},
        },
    )
