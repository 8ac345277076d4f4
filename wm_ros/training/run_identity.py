"""What a training is: its data, options and model, as a dictionary that says whether another is the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from wm_ros import __version__
from wm_ros.data.recording import Recording
from wm_ros.models.card import Card

COMPARED_FRAMES = 64


def identity(recording: Recording, card: Card, options: Any, taken: nn.Module | None) -> dict[str, Any]:
    """What a training with these options (a dataclass) is. taken: an encoder that is not trained but taken over."""
    frames = recording.frames
    some = np.unique(np.linspace(0, len(frames) - 1, COMPARED_FRAMES).astype(int))
    commands = recording.commands
    data = {
        "frames": "x".join(map(str, frames.shape)),
        "pictures": _digest(*(frames[index] for index in some)),
        "stamps": _digest(recording.stamps_ns),
        "episodes": _digest(np.array([episode.start for episode in recording.episodes])),
        "unlabelled_episodes": _digest(np.array(recording.unlabelled)),
        "commands": "none" if commands is None else _digest(commands.stamps_ns, commands.vectors),
    }
    return {
        "wm_ros": __version__,
        "options": asdict(options),
        "data": data,
        "model": json.loads(card.to_json()),
        "encoder_from": "none"
        if taken is None
        else _digest(*(_octets(tensor) for tensor in taken.state_dict().values())),
    }


def differences(before: Any, now: Any, name: str = "") -> list[str]:
    """What differs between two such dictionaries, a sentence each."""
    if isinstance(before, dict) and isinstance(now, dict):
        keys = [*before, *(key for key in now if key not in before)]
        return [
            text
            for key in keys
            for text in differences(before.get(key), now.get(key), f"{name}.{key}" if name else key)
        ]
    return [] if before == now else [f"{name} was {before} and is {now}"]


def require_same(
    out: Path, kept: Path, what: dict[str, Any], kind: str, error: Callable[[str], Exception]
) -> None:
    """Raise an error unless folder `out` is free, or the file `kept` in it says that it is of the same work.

    what: the work as JSON data; kind: what it is called.
    """
    if kept.is_file():
        if found := differences(json.loads(kept.read_text(encoding="utf-8")), what):
            raise error(
                f"{out} holds another {kind}: {'; '.join(found)}. Give another --out, or the options it was begun "
                "with, or delete the folder"
            )
    elif out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise error(
            f"{out} exists and holds no {kind} to go on with; nothing is overwritten: give another --out"
        )


def _octets(tensor: Tensor) -> np.ndarray:
    """NumPy has no bfloat16."""
    return tensor.cpu().flatten().view(torch.uint8).numpy()


def _digest(*arrays: np.ndarray) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).view(np.uint8).data)
    return digest.hexdigest()[:16]
