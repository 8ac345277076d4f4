"""What a comparison is of, so that it is gone on with by the same command and by no other."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import Any

import numpy as np

from wm_ros.data.recording import Recording
from wm_ros.models.world_model import WorldModel
from wm_ros.training.train import TrainOptions, new_card

COMPARED_FRAMES = 64


def identity(
    recording: Recording, options: TrainOptions, effort: float, encoder_of: WorldModel | None
) -> dict[str, Any]:
    """The recording, the options that all runs share, and the encoder, as JSON data."""
    taken = [] if encoder_of is None else encoder_of.encoder.state_dict().values()
    return {
        "effort": effort,
        "recording": fingerprint(recording),
        "encoder": new_card(recording.profile, options, encoder_of).encoder,
        "encoder_from": _digest(*(tensor.numpy() for tensor in taken)) if encoder_of else "none",
        "robot": recording.profile.to_dict(),
        "options": asdict(options),
    }


def fingerprint(recording: Recording) -> dict[str, str]:
    """What tells a recording from another; of its pictures, some are looked at."""
    frames, commands = recording.frames, recording.commands
    some = np.unique(np.linspace(0, len(frames) - 1, COMPARED_FRAMES).astype(int))
    episodes = [(episode.start, episode.stop) for episode in recording.episodes]
    return {
        "frames": "x".join(map(str, frames.shape)),
        "pictures": _digest(*(frames[index] for index in some)),
        "stamps": _digest(recording.stamps_ns),
        "episodes": _digest(np.array(episodes), np.array(recording.unlabelled)),
        "commands": "none" if commands is None else _digest(commands.stamps_ns, commands.vectors),
    }


def differences(before: Any, now: Any, name: str = "") -> list[str]:
    """What differs between two pieces of JSON data, a phrase each."""
    if isinstance(before, dict) and isinstance(now, dict):
        keys = [*before, *(key for key in now if key not in before)]
        return [
            phrase
            for key in keys
            for phrase in differences(before.get(key), now.get(key), f"{name}.{key}" if name else key)
        ]
    return [] if before == now else [f"{name} was {before!r} and is {now!r}"]


def _digest(*arrays: np.ndarray) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]
