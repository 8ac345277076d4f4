"""Trains a decoder on the cached states of a checkpoint: pictures of what a model sees and imagines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from wm_ros import __version__
from wm_ros.data.recording import Recording
from wm_ros.models.checkpoint import require_robot
from wm_ros.models.decoder import SIZES, Decoder
from wm_ros.models.decoder_checkpoint import save_decoder
from wm_ros.models.encoders.encoder import Encoder
from wm_ros.models.load import load_planning_model
from wm_ros.models.planning_model import ModelCard
from wm_ros.training.clips import split_episodes
from wm_ros.training.decoder_scores import decoder_scores
from wm_ros.training.engine import Engine
from wm_ros.training.optimise import Schedule, TrainingError
from wm_ros.training.processes import mine
from wm_ros.training.progress import Progress
from wm_ros.training.run_identity import identity
from wm_ros.training.seen_frames import SeenFrames, evenly, seen_frames
from wm_ros.training.train import Phases, Run

BATCH = 32
RATE = 2e-3
MOST_FRAMES, SCORED_FRAMES = 8192, 512
LARGEST = 128  # pixels: a picture for people needs no more

# Called with rows [B] of what there is to train on: states [B, N, D], and pictures [B, 3, size, size] in 0 .. 1.
Batches = Callable[[np.ndarray], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class DecoderOptions:
    """How long a decoder is trained."""

    steps: int = 3000
    seed: int = 0

    def scaled(self, effort: float) -> DecoderOptions:
        """The same training with this share of the steps, at least one."""
        return replace(self, steps=max(1, round(effort * self.steps)))


def fit_decoder(decoder: Decoder, batches: Batches, count: int, schedule: Schedule, engine: Engine) -> None:
    """Fit a decoder to redraw pictures from states, of so many rows; figure: `error`, the mean square of the pixels."""
    choose = np.random.default_rng(schedule.seed)

    def loss() -> tuple[Tensor, dict[str, float]]:
        with engine.fetching():
            rows = np.sort(mine(choose.integers(0, count, BATCH)))
            states, pictures = (part.to(engine.device) for part in batches(rows))
        error = F.mse_loss(decoder(states), pictures)
        return error, {"error": error.item()}

    engine.optimise("decoder", [decoder], loss, schedule, RATE, [choose])


def train_decoder(
    folder: Path, recording: Recording, options: DecoderOptions, source: str, phases: Phases, run: Run = Run()
) -> dict[str, float]:
    """Train a decoder for the checkpoint in a folder and keep it there; returns its scores on held-out episodes.

    A tenth of the episodes is held out; of the recording that the checkpoint was trained on, the same ones as then. The
    checkpoint's own weights are not touched. The progress is kept in `folder`/.progress until the decoder is written.
    Raises TrainingError with fewer than two episodes, CheckpointError for recordings of another robot.
    """
    engine = Engine(log_dir=run.log_dir)
    model: Any = load_planning_model(folder, str(engine.device))
    require_robot(model, recording.profile)
    encoder: Encoder = model.encoder
    progress = Progress(folder / ".progress", identity(recording, model.card, options, encoder), run.resume)
    engine.keep(progress, run.save_every_s)
    train, held_out = _split(recording, model.card)

    def frames(rows: np.ndarray) -> SeenFrames:
        return seen_frames(encoder, recording, rows, size, run.cache_dir)

    size = _size(encoder, recording)
    known = frames(evenly(_rows(recording, train), MOST_FRAMES))
    torch.manual_seed(options.seed)
    decoder = Decoder(encoder.tokens, encoder.dim, size, encoder.grid).to(engine.device)
    mean = known.mean_picture()
    decoder.begin_with(mean.to(engine.device))
    schedule = Schedule(options.steps, options.seed, phases("decoder", options.steps))
    fit_decoder(decoder, known.take, len(known), schedule, engine)
    decoder.eval().requires_grad_(False)
    scores = decoder_scores(
        decoder,
        model,
        recording,
        held_out,
        frames,
        mean,
        frames(evenly(_rows(recording, held_out), SCORED_FRAMES)),
    )
    about = {
        "scores": {name: round(value, 4) for name, value in scores.items()},
        "training": {
            "options": asdict(options),
            "source": source,
            "frames": len(known),
            "episodes": len(train),
            "held_out_episodes": len(held_out),
            "versions": {"wm_ros": __version__, "torch": torch.__version__},
        },
    }
    if engine.is_main:
        save_decoder(decoder, folder, about)
        progress.remove()
    return scores


def _split(recording: Recording, card: ModelCard) -> tuple[np.ndarray, np.ndarray]:
    """Episodes to train on and held out, as the checkpoint's training split them if it was trained on these."""
    episodes = np.arange(len(recording.episodes))
    able = recording.labelled_episodes if len(recording.labelled_episodes) > 1 else episodes
    if len(able) < 2:
        raise TrainingError(
            f"{len(able)} episode: a decoder scores itself on episodes it has not seen, record at least 2"
        )
    chosen = getattr(card, "training", {}).get("options", {})
    seed = chosen.get("split_seed")
    held_out = able[split_episodes(len(able), chosen.get("seed", 0) if seed is None else seed)[1]]
    return np.setdiff1d(episodes, held_out), held_out


def _rows(recording: Recording, episodes: np.ndarray) -> np.ndarray:
    """The frames of these episodes."""
    return np.concatenate([np.arange(len(recording.frames))[recording.episodes[index]] for index in episodes])


def _size(encoder: Encoder, recording: Recording) -> int:
    """Pixels of a picture: as many as the encoder sees, within what can be drawn."""
    seen = encoder.input_pictures(
        torch.from_numpy(recording.frames[:1].copy()).to(next(encoder.parameters()).device)
    )
    return max(size for size in SIZES if size <= min(seen.shape[-2], LARGEST))
