"""The encoder that all runs share, trained once or taken over, and the states that it makes of all frames, once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from wm_ros.data.recording import Recording
from wm_ros.models.encoder_checkpoint import EncoderCheckpoint
from wm_ros.models.world_model import WorldModel
from wm_ros.robots.profile import RobotProfile
from wm_ros.training.engine import Engine
from wm_ros.training.progress import Progress
from wm_ros.training.states import encode_all
from wm_ros.training.train import Phases, TrainOptions, new_card, train_own_encoder

WEIGHTS, STATES = "encoder.safetensors", "states.npy"
SAVE_EVERY_S = 60.0


def prepare(
    out: Path,
    recording: Recording,
    options: TrainOptions,
    what: dict[str, Any],
    encoder_of: WorldModel | EncoderCheckpoint | None,
    phases: Phases,
    cache_dir: Path | None,
) -> None:
    """Write encoder and states to a folder, unless they are there; trained on what all runs see.

    what: the comparison, as JSON data, which the progress of the encoder must be of.
    """
    if (out / STATES).is_file():
        return
    engine = Engine()
    progress = Progress(out / ".progress", what, resume=True)
    engine.keep(progress, SAVE_EVERY_S)
    torch.manual_seed(options.seed)
    model = WorldModel(new_card(recording.profile, options, encoder_of)).to(engine.device)
    encoder = model.encoder
    if encoder_of is None:
        episodes, report = options.split(recording).train, phases("encoder", options.encoder_steps)
        train_own_encoder(model, recording, episodes, options, report, engine, cache_dir)
    else:
        encoder.load_state_dict(encoder_of.encoder.state_dict())
    weights = {name: tensor.cpu().contiguous() for name, tensor in encoder.eval().state_dict().items()}
    save_file(weights, out / WEIGHTS)
    partial, shape = out / f"{STATES}.partial", (len(recording.frames), encoder.tokens, encoder.dim)
    states = np.lib.format.open_memmap(partial, "w+", np.float32, shape)
    encode_all(encoder, recording, torch.from_numpy(states))
    states.flush()
    partial.replace(out / STATES)
    progress.remove()


def load_prepared(
    out: Path, profile: RobotProfile, options: TrainOptions, config: dict[str, Any]
) -> tuple[WorldModel, Tensor]:
    """A model that has the encoder and is otherwise untrained, and the states [F, N, D], mapped into memory."""
    model = WorldModel(replace(new_card(profile, options), encoder=config))
    model.encoder.load_state_dict(load_file(out / WEIGHTS))
    return model.eval(), torch.from_numpy(np.load(out / STATES, mmap_mode="c"))
