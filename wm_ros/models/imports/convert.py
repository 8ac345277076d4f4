"""From published weights to an encoder of ours, with its card: every weight accounted for, by name and shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from wm_ros.models.card import CheckpointError
from wm_ros.models.encoder_checkpoint import EncoderCard, EncoderCheckpoint
from wm_ros.models.encoders.frozen import FrozenEncoder
from wm_ros.models.encoders.registry import build_encoder
from wm_ros.models.imports import hugging_face, vjepa2_layout
from wm_ros.models.imports.sources import (
    digest,
    find_source,
    licence_of,
    read_safetensors,
    read_settings,
    read_torch,
    require_tensors,
)
from wm_ros.models.weights import require_finite, require_same

CONTROLS = {
    "pixels": {
        "name": "pixels",
        "input": {"size": 64, "shortest_edge": 64, "mean": [0.5] * 3, "std": [0.5] * 3},
        "model": {"patch": 16},
        "normalise": False,
    },
    "random": {"name": "random", "size": 64, "dim": 8, "width": 48},
}


@dataclass(frozen=True)
class Wanted:
    """How an encoder is to be used; it all goes into the card. size: of the pictures, where a file does not tell."""

    layer: int | None = None
    pool: int = 1
    precision: str = "float32"
    size: int | None = None
    licence: str | None = None
    non_commercial: bool = False


def convert_encoder(source: str, wanted: Wanted) -> EncoderCheckpoint:
    """The encoder in a published `.pt` file of V-JEPA 2 or a Hugging Face folder, or a control: `pixels`, `random`.

    Raises CheckpointError naming what was found and what was expected.
    """
    if source in CONTROLS:
        if wanted != Wanted():
            raise CheckpointError(f"the control {source} is what it is, and takes no option but --out")
        torch.manual_seed(0)
        return _checkpoint(build_encoder(CONTROLS[source]), CONTROLS[source], "Apache-2.0")
    path = find_source(source)
    licence = licence_of(path, wanted.licence, wanted.non_commercial)
    if path.is_dir():
        config, weights = _of_folder(path, wanted)
    else:
        config, weights = from_hub(path, require_tensors(path, read_torch(path), "encoder"), wanted)
    config["source"] = {"file": path.resolve().name, "sha256": digest(path), "licence": licence}
    return _checkpoint(filled(path, config, weights), config, licence)


def from_hub(
    path: Path, weights: Mapping[str, Tensor], wanted: Wanted
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Card entry and weights of the encoder in a `.pt` file of V-JEPA 2."""
    ours = vjepa2_layout.from_hub(weights)
    size = vjepa2_layout.published_picture(path, wanted.size)
    model = vjepa2_layout.published_size(path, ours)
    return _vjepa2(model, size, ours, wanted)


def filled(path: Path, config: dict[str, Any], weights: Mapping[str, Tensor]) -> FrozenEncoder:
    """The encoder that a card describes, with the backbone's weights from a file: exactly those, and finite."""
    encoder = _built(path, config)
    require_same(path, weights, encoder.backbone.state_dict())
    encoder.backbone.load_state_dict(weights)
    require_finite(path, encoder.backbone)
    return encoder.eval().requires_grad_(False)


def _built(path: Path, config: dict[str, Any]) -> FrozenEncoder:
    try:
        return cast(FrozenEncoder, build_encoder(config))  # all that are converted are
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: {error}") from error


def _of_folder(path: Path, wanted: Wanted) -> tuple[dict[str, Any], dict[str, Tensor]]:
    family = hugging_face.family_of(path)
    if family == "vjepa2":
        settings = read_settings(path, "config.json")
        ours = vjepa2_layout.from_hugging_face(path, read_safetensors(path))
        return _vjepa2(
            vjepa2_layout.hugging_face_size(settings), settings.get("crop_size", 256), ours, wanted
        )
    config = {
        "name": family,
        "input": hugging_face.input_rule(path, family),
        "model": hugging_face.model_settings(path, family),
        **_use(wanted),
    }
    if family == "autoencoder-kl":
        config["normalise"] = False  # of its four channels, little would be left
        weights, prefix = hugging_face.read_autoencoder(path), ""
    else:
        weights, prefix = hugging_face.read_transformers(path, family), "model."
    needed = _built(path, config).backbone.state_dict()
    return config, {
        name: weights[name.removeprefix(prefix)] for name in needed if name.removeprefix(prefix) in weights
    }


def _vjepa2(
    model: dict[str, Any], size: int, weights: Mapping[str, Tensor], wanted: Wanted
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    config = {"name": "vjepa2", "input": vjepa2_layout.input_rule(size), "model": model, **_use(wanted)}
    return config, vjepa2_layout.up_to(weights, wanted.layer)


def _use(wanted: Wanted) -> dict[str, Any]:
    use: dict[str, Any] = {"pool": wanted.pool, "normalise": True, "precision": wanted.precision}
    return use if wanted.layer is None else {**use, "layer": wanted.layer}


def _checkpoint(encoder: torch.nn.Module, config: dict[str, Any], licence: str) -> EncoderCheckpoint:
    return EncoderCheckpoint(encoder, EncoderCard(config, licence))
