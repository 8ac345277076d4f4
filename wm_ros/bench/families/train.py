"""Trains the encoder of a run: by its objective, with commands from the beginning, by commands alone, or not at all."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from wm_ros.bench.families.material import Material
from wm_ros.bench.families.runs import COMMANDS, PIXELS, RANDOM, Run
from wm_ros.data.recording import Recording
from wm_ros.evaluation.dataset.encoders import PixelEncoder
from wm_ros.models.checkpoint import load_encoder_of
from wm_ros.models.encoder_checkpoint import EncoderCard, EncoderCheckpoint, save_encoder
from wm_ros.models.encoders.registry import build_encoder
from wm_ros.models.world_model import WorldModel
from wm_ros.training.engine import Engine
from wm_ros.training.families import FRAMES, ClipImages, settle, train_family
from wm_ros.training.images import Images
from wm_ros.training.labelled_pairs import LabelledPairs
from wm_ros.training.objectives.objective import CLIP
from wm_ros.training.optimise import Report, Schedule, TrainingError
from wm_ros.training.progress import Progress
from wm_ros.training.standardised import Trained
from wm_ros.training.train import TrainOptions, new_card, own_encoder, train_own_encoder
from wm_ros.training.video_encoder import BATCH

SAVE_EVERY_S = 30.0
COMMANDS_FRAMES = 3 * BATCH  # that go through the encoder in a step of the training of kind `video`


def run_encoder(material: Material, run: Run, recording: Recording, report: Report) -> nn.Module:
    """The encoder of a run, ready for use; progress is kept in the run's folder, and so is the encoder."""
    if run.folder_of is not None:
        return load_encoder_of(run.folder_of).encoder
    if run.family == PIXELS:
        return PixelEncoder()
    options = TrainOptions(encoder_kind="video", seed=run.seed)
    torch.manual_seed(run.seed)
    config = own_encoder(recording.profile, options)
    encoder = cast(Trained, build_encoder(config))
    engine = Engine()
    engine.keep(progress_of(material, run), SAVE_EVERY_S)
    if run.family == RANDOM:
        clips, count = _clips(material, recording, Images(encoder, recording, material.cache_dir))
        settle(encoder, clips, count, engine)
        return encoder
    if run.family == COMMANDS:
        encoder = _taught_by_commands(material, recording, options, report, engine)
    else:
        _train(material, run, recording, encoder, report, engine)
    save_encoder(EncoderCheckpoint(encoder, EncoderCard(config, "Apache-2.0")), run.folder)
    return encoder


def progress_of(material: Material, run: Run) -> Progress:
    """Where a run keeps what it has done of its training."""
    return Progress(run.folder / ".progress", {"run": run.name, "steps": material.options.steps}, resume=True)


def _train(
    material: Material, run: Run, recording: Recording, encoder: Trained, report: Report, engine: Engine
) -> None:
    images = Images(encoder, recording, material.cache_dir)
    clips, count = _clips(material, recording, images)
    schedule = Schedule(material.options.steps, run.seed, report)
    labelled = None if run.supervision is None else _pairs(material, run, recording, images)
    train_family(encoder, run.family, clips, count, schedule, engine, labelled)


def _clips(material: Material, recording: Recording, images: Images) -> tuple[ClipImages, int]:
    """The clips that encoders are trained on, and how many there are."""
    rows = recording.clips(CLIP, material.roles.train)
    if not len(rows):
        raise TrainingError(
            f"no clip of {CLIP} frames at {recording.profile.model_rate_hz:g} Hz: record longer episodes"
        )
    return lambda some, frames: _images_of(images, rows[some, :frames]), len(rows)


def _pairs(material: Material, run: Run, recording: Recording, images: Images) -> LabelledPairs:
    how = run.supervision
    assert how is not None
    chosen = material.roles.supervised(how.share)
    clips = recording.clips(how.apart + 1, chosen)
    if not len(clips):
        raise TrainingError(
            f"no pair of frames {how.apart} model steps apart in {len(chosen)} labelled episodes: lower K, or raise "
            "SHARE, of --supervision"
        )
    return LabelledPairs(
        lambda some: _images_of(images, clips[some][:, [0, -1]]), recording.actions(clips).mean(axis=1)
    )


def _taught_by_commands(
    material: Material, recording: Recording, options: TrainOptions, report: Report, engine: Engine
) -> Trained:
    """As `wm_ros train --encoder-kind video` does, in so many steps that as many pictures are seen."""
    steps = max(1, round(material.options.steps * FRAMES / COMMANDS_FRAMES))
    options = replace(options, encoder_steps=steps)
    model = WorldModel(new_card(recording.profile, options)).to(engine.device)

    def scaled(step: int, figures: dict[str, float]) -> None:
        report(round(step / steps * material.options.steps), figures)

    train_own_encoder(model, recording, material.roles.train, options, scaled, engine, material.cache_dir)
    return cast(Trained, model.encoder.requires_grad_(False).eval().cpu())


def _images_of(images: Images, rows: np.ndarray) -> Tensor:
    """Images [B, T, 3, S, S] of frames [B, T]."""
    return images(rows.reshape(-1)).unflatten(0, rows.shape)
