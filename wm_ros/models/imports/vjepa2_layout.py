"""Key names and sizes of the published V-JEPA 2 weights, of the `.pt` files and of the Hugging Face folders."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from wm_ros.models.card import CheckpointError

# By width, which tells the three published sizes apart: depth, heads, hidden units.
SIZES = {1024: (24, 16, 4096), 1280: (32, 16, 5120), 1408: (40, 22, 6144)}
PREDICTOR = {"width": 1024, "depth": 24, "heads": 16}
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
_PREFIX = re.compile(r"^(module\.)?(backbone\.)?")
_HUGGING_FACE = {
    "embeddings.patch_embeddings.proj": "patch_embed.proj",
    "layernorm": "norm",
    "attention.proj": "attn.proj",
}


def published_size(path: Path, weights: Mapping[str, Tensor]) -> dict[str, Any]:
    """Arguments of `VJepa2` but for the picture's size, for the encoder of a published `.pt` file."""
    first = weights.get("patch_embed.proj.weight")
    width = first.shape[0] if first is not None and first.ndim == 5 else None
    if width not in SIZES:
        raise CheckpointError(
            f"{path}: expected patch_embed.proj.weight of width {', '.join(map(str, SIZES))} (ViT-L, H, g), found "
            f"{'none' if first is None else list(first.shape)}"
        )
    depth, heads, hidden = SIZES[width]
    return {"width": width, "depth": depth, "heads": heads, "hidden": hidden}


def published_picture(path: Path, size: int | None) -> int:
    """Pixels of the pictures a published `.pt` file is for: its weights do not tell, its name does."""
    if size is not None:
        return size
    known = {"vitl": 256, "vith": 256, "vitg": 256, "vitg-384": 384, "vjepa2-ac-vitg": 256}
    if path.stem not in known:
        raise CheckpointError(
            f"{path}: weights do not tell the size of the pictures, and only of {', '.join(known)} (.pt) it is known: "
            "give it with --size (256 or 384)"
        )
    return known[path.stem]


def from_hub(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of a `.pt` file under our names; without `pos_embed`, which rotary positions leave unused."""
    ours = {_PREFIX.sub("", name): tensor for name, tensor in weights.items()}
    ours.pop("pos_embed", None)
    return ours


def from_hugging_face(path: Path, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Encoder weights of a Hugging Face folder under our names; query, key and value become one matrix."""
    ours: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        kind, _, rest = name.removeprefix("vjepa2.").partition(".")
        if kind != "encoder":
            continue
        if part := re.fullmatch(r"layer\.(\d+)\.attention\.query\.(weight|bias)", rest):
            try:
                parts = [weights[name.replace("query", each)] for each in ("query", "key", "value")]
            except KeyError as error:
                raise CheckpointError(f"{path}: has {name} and lacks {error}") from None
            ours[f"blocks.{part[1]}.attn.qkv.{part[2]}"] = torch.cat(parts)
        elif not re.search(r"\.attention\.(key|value)\.", rest):
            for theirs, own in _HUGGING_FACE.items():
                rest = rest.replace(theirs, own)
            ours[re.sub(r"^layer\.", "blocks.", rest)] = tensor
    return ours


def hugging_face_size(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of `VJepa2` from a config.json of transformers, but for the picture's size."""
    width = settings.get("hidden_size", 1024)
    return {
        "width": width,
        "depth": settings.get("num_hidden_layers", 24),
        "heads": settings.get("num_attention_heads", 16),
        "hidden": int(width * settings.get("mlp_ratio", 4.0)),
        "patch": settings.get("patch_size", 16),
        "tubelet": settings.get("tubelet_size", 2),
    }


def input_rule(size: int) -> dict[str, Any]:
    """Of V-JEPA 2: the shorter side to 8/7 of the picture, and its centre."""
    return {"size": size, "shortest_edge": int(size * 256 / 224), "mean": MEAN, "std": STD}


def up_to(weights: Mapping[str, Tensor], layer: int | None) -> dict[str, Tensor]:
    """Without the blocks after `layer` and the final norm, where a layer is tapped."""
    if layer is None:
        return dict(weights)
    kept = {}
    for name, tensor in weights.items():
        block = re.match(r"blocks\.(\d+)\.", name)
        if name.startswith("patch_embed.") or (block and int(block[1]) < layer):
            kept[name] = tensor
    return kept
