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
from wm_ros.models.world_model import WorldModel
from wm_ros.robots.profile import RobotProfile
from wm_ros.training.encoder import encode_all, train_encoder
from wm_ros.training.split import split
from wm_ros.training.train import Phases, TrainOptions, new_card

WEIGHTS, STATES = "encoder.safetensors", "states.npy"


def prepare(
    out: Path, recording: Recording, options: TrainOptions, encoder_of: WorldModel | None, phases: Phases
) -> None:
    """Write encoder and states to a folder, unless they are there; seen is what all runs see."""
    if (out / STATES).is_file():
        return
    torch.manual_seed(options.seed)
    encoder = WorldModel(new_card(recording.profile, options, encoder_of)).encoder
    if encoder_of is None:
        report, seen = phases("encoder", options.encoder_steps), split(recording, options).seen
        train_encoder(encoder, recording, seen, options.encoder_steps, options.seed, report)
    else:
        encoder.load_state_dict(encoder_of.encoder.state_dict())
    states = encode_all(encoder.eval(), recording)
    save_file({name: tensor.contiguous() for name, tensor in encoder.state_dict().items()}, out / WEIGHTS)
    partial = out / f"{STATES}.partial"
    with partial.open("wb") as file:
        np.save(file, states.numpy())
    partial.replace(out / STATES)


def load_prepared(
    out: Path, profile: RobotProfile, options: TrainOptions, config: dict[str, Any]
) -> tuple[WorldModel, Tensor]:
    """A model that has the encoder and is otherwise untrained, and the states [F, N, D], mapped into memory."""
    model = WorldModel(replace(new_card(profile, options), encoder=config))
    model.encoder.load_state_dict(load_file(out / WEIGHTS))
    return model.eval(), torch.from_numpy(np.load(out / STATES, mmap_mode="c"))
