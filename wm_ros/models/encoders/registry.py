"""All encoders by the name that a card gives them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wm_ros.models.card import CheckpointError
from wm_ros.models.encoders.autoencoder import AutoencoderBackbone
from wm_ros.models.encoders.encoder import Backbone, Encoder
from wm_ros.models.encoders.frozen import FrozenEncoder
from wm_ros.models.encoders.hugging_face import FAMILIES, TransformersBackbone
from wm_ros.models.encoders.pixels import Pixels
from wm_ros.models.encoders.tiny import TinyEncoder
from wm_ros.models.encoders.video import VideoEncoder
from wm_ros.models.encoders.views import SeveralViews
from wm_ros.models.encoders.vjepa2 import VJepa2

# Of a backbone: what makes it from the picture's size and the entries `model` and, where it has layers, `layer`.
BACKBONES: dict[str, Callable[..., Backbone]] = {
    "vjepa2": lambda size, model, layer=None: VJepa2(size, **model, layer=layer),
    "autoencoder-kl": lambda size, model: AutoencoderBackbone(size, model),
    "pixels": lambda size, model: Pixels(size, **model),
}
for family in FAMILIES:
    BACKBONES[family] = lambda size, model, layer=None, family=family: TransformersBackbone(
        family, size, model, layer
    )
# The tiny encoder as it was before training is the control of what its training adds.
OWN: dict[str, Callable[..., Encoder]] = {
    "tiny": TinyEncoder,
    "video": VideoEncoder,
    "random": TinyEncoder,
}


def build_encoder(config: dict[str, Any], cameras: int = 1) -> Encoder:
    """The encoder that a card describes: frames uint8 [B, H, W, 3] to tokens [B, tokens, dim], each frame on its own.

    cameras: whose pictures stand side by side in each frame; the encoder gives tokens for each.
    config: `name`, `source` (where its weights come from, for people) and the rest as the encoder takes it. Raises
    CheckpointError for an unknown name; TypeError and ValueError for entries that make no encoder.
    """
    encoder = _of_one_camera(config)
    return encoder if cameras == 1 else SeveralViews(encoder, cameras)


def _of_one_camera(config: dict[str, Any]) -> Encoder:
    entries = {key: value for key, value in config.items() if key not in ("name", "source")}
    name = config.get("name")
    if name in OWN:
        return OWN[name](**entries)
    if name not in BACKBONES:
        known = ", ".join([*OWN, *BACKBONES])
        raise CheckpointError(f"unknown encoder {name!r}; known: {known}")
    backbone = {key: entries.pop(key) for key in ("model", "layer") if key in entries}
    try:
        size = entries["input"]["size"]
    except (KeyError, TypeError):
        raise ValueError(f"an encoder {name} needs `input` with its `size`, got {sorted(entries)}") from None
    try:
        return FrozenEncoder(BACKBONES[name](size=size, **backbone), **entries)
    except ModuleNotFoundError as error:
        raise CheckpointError(
            f"the encoder {name} needs {error.name}: pip install 'wm_ros[encoders]', or `make venv`"
        ) from error
