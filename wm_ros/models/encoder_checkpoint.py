"""Checkpoints of an encoder alone: what `wm_ros convert` writes and `wm_ros train --encoder` takes over."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import nn

from wm_ros.models.card import FORMAT, CheckpointError, read_card_of_kind, read_json
from wm_ros.models.encoders.registry import build_encoder
from wm_ros.models.weights import fill, read_weights, write_weights

KIND = "encoder"


@dataclass(frozen=True)
class EncoderCard:
    """What the card.json of an encoder alone says: the entry `encoder` of a model's card, and the licence."""

    encoder: dict[str, Any]
    licence: str

    @property
    def training(self) -> dict[str, Any]:
        """Nothing: it was not trained on episodes of ours, of which some would have been held out."""
        return {}

    def to_json(self) -> str:
        return json.dumps({"format": FORMAT, "kind": KIND, **asdict(self)}, indent=1, sort_keys=True) + "\n"


@dataclass(frozen=True)
class EncoderCheckpoint:
    """An encoder and its card; stands in for a whole model where only its encoder is taken over."""

    encoder: nn.Module
    card: EncoderCard


def is_encoder(folder: Path) -> bool:
    """Whether this folder has the card of an encoder alone."""
    return read_json(folder).get("kind") == KIND


def save_encoder(checkpoint: EncoderCheckpoint, folder: Path) -> None:
    """Write an encoder to a folder, which is created."""
    write_weights(checkpoint.encoder.state_dict(), folder, checkpoint.card.to_json())


def load_encoder(folder: str | Path, device: str = "cpu") -> EncoderCheckpoint:
    """Read an encoder for use: evaluation mode, no gradients, on `device`; CheckpointError when it is damaged."""
    folder = Path(folder)
    card = _read_encoder_card(folder)
    weights = read_weights(folder)
    encoder = fill(lambda: build_encoder(card.encoder), weights, folder, device)
    return EncoderCheckpoint(encoder, card)


def _read_encoder_card(folder: Path) -> EncoderCard:
    data = read_card_of_kind(folder, KIND, "an encoder", ("encoder", "licence"))
    if not isinstance(data["encoder"], dict) or not isinstance(data["licence"], str):
        raise CheckpointError(
            f"{folder / 'card.json'}: encoder must be a mapping and licence a text, got {data['encoder']!r} and "
            f"{data['licence']!r}"
        )
    return EncoderCard(data["encoder"], data["licence"])
