"""A checkpoint's decoder: `decoder.safetensors` in its folder, and the entry `decoder` of its card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from wm_ros.models.card import DECODER, CheckpointError, add_to_card, read_json
from wm_ros.models.decoder import Decoder
from wm_ros.models.encoders.encoder import Encoder
from wm_ros.models.weights import DECODER_WEIGHTS, fill, read_weights, save_weights


def save_decoder(decoder: Decoder, folder: Path, about: dict[str, Any]) -> None:
    """Add a decoder to a checkpoint, or replace the one there is; weights in half precision.

    about: JSON data for the card: how well it draws, and what it was trained on.
    """
    read_json(folder)  # a folder without a card is no checkpoint
    halves = {name: tensor.detach().half() for name, tensor in decoder.state_dict().items()}
    save_weights(halves, folder / DECODER_WEIGHTS)
    add_to_card(folder, DECODER, {"shape": decoder.shape, **about})


def load_decoder(folder: Path, encoder: Encoder, device: str | torch.device = "cpu") -> Decoder | None:
    """The decoder of a checkpoint for use, no gradients; None where its card names none.

    Raises CheckpointError when it is missing or damaged, or draws other states than this encoder makes.
    """
    about = read_json(folder).get(DECODER)
    if about is None:
        return None
    shape = about.get("shape") if isinstance(about, dict) else None
    ours = {"tokens": encoder.tokens, "dim": encoder.dim, "grid": encoder.grid}
    if not isinstance(shape, dict) or {key: shape.get(key) for key in ours} != ours:
        raise CheckpointError(
            f"{folder / 'card.json'}: the decoder draws states of shape {shape!r}, this encoder makes {ours}: train "
            "it again with `wm_ros train-decoder`"
        )
    weights = read_weights(folder, DECODER_WEIGHTS)
    return fill(lambda: Decoder(**shape), weights, folder, str(device), DECODER_WEIGHTS)
