"""One run of a comparison: its encoder is trained and probed."""

from __future__ import annotations

from wm_ros.bench.families.material import Material
from wm_ros.bench.families.probes import probe
from wm_ros.bench.families.runs import Run
from wm_ros.bench.families.train import progress_of, run_encoder
from wm_ros.models.card import CheckpointError
from wm_ros.training.optimise import TrainingError
from wm_ros.training.worker_pool import Report

TRAINING_SHARE = 0.7


def work(material: Material, run: Run, report: Report) -> None:
    """Train and probe; a training that cannot go on, such as one that diverges, is written down as failed."""
    recording = material.recording()

    def trained(step: int, figures: dict[str, float]) -> None:
        report("training", TRAINING_SHARE * step / material.options.steps, figures)

    def probed(share: float) -> None:
        report("probes", TRAINING_SHARE + (1.0 - TRAINING_SHARE) * share, {})

    try:
        encoder = run_encoder(material, run, recording, trained)
        figures, errors = probe(material, recording, encoder, run.seed, probed)
    except (TrainingError, CheckpointError) as error:
        run.keep_failure(str(error))
        return
    run.keep(figures, errors)
    progress_of(material, run).remove()
