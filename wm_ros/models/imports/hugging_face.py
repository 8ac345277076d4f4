"""Folders of transformers and diffusers: which encoder they hold, how it takes pictures, and its weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from wm_ros.models.card import CheckpointError
from wm_ros.models.encoders.hugging_face import FAMILIES
from wm_ros.models.imports.sources import read_settings, require_whole

# model_type of a config.json to our name.
NAMES = {model_type: name for name, family in FAMILIES.items() for model_type in family.model_types}
RESAMPLE = {2: "bilinear", 3: "bicubic"}
PREPROCESSORS = ("video_preprocessor_config.json", "preprocessor_config.json")


def family_of(folder: Path) -> str:
    """The name of the encoder in a folder: `vjepa2`, `autoencoder-kl` or one of transformers' families."""
    settings = read_settings(folder, "config.json")
    if settings.get("_class_name") == "AutoencoderKL":
        return "autoencoder-kl"
    kind = settings.get("model_type")
    if kind == "vjepa2":
        return "vjepa2"
    if kind not in NAMES:
        known = ", ".join(["vjepa2", *NAMES])
        raise CheckpointError(
            f"{folder / 'config.json'}: model_type {kind!r}; known: {known}, and AutoencoderKL of diffusers"
        )
    return NAMES[kind]


def model_settings(folder: Path, family: str) -> dict[str, Any]:
    """The entry `model` of a card: the model's own settings, without those of texts, names and versions."""
    settings = read_settings(folder, "config.json")
    if family == "autoencoder-kl":
        return {key: value for key, value in settings.items() if not key.startswith("_")}
    settings = settings.get("vision_config", settings)
    left_out = (
        "architectures",
        "transformers_version",
        "torch_dtype",
        "dtype",
        "model_type",
        "id2label",
        "label2id",
    )
    return {key: value for key, value in settings.items() if key not in left_out and not key.startswith("_")}


def input_rule(folder: Path, family: str) -> dict[str, Any]:
    """The entry `input` of a card, from the preprocessor's settings beside the model's."""
    if family == "autoencoder-kl":
        size = read_settings(folder, "config.json").get("sample_size", 256)
        return {"size": size, "shortest_edge": size, "mean": [0.5] * 3, "std": [0.5] * 3}
    settings = read_settings(folder, *PREPROCESSORS)
    needed = [
        "image_mean",
        "image_std",
        *(["max_num_patches", "patch_size"] if family == "siglip2-naflex" else []),
    ]
    if lacking := [name for name in needed if name not in settings]:
        raise CheckpointError(
            f"{folder}: the preprocessor's settings lack {lacking}, found {sorted(settings)}"
        )
    if family == "siglip2-naflex":
        size, edge = int(settings["max_num_patches"] ** 0.5) * settings["patch_size"], None
    else:
        size, edge = _crop(folder, settings)
    resample = settings.get("resample", 2)
    if resample not in RESAMPLE:
        raise CheckpointError(f"{folder}: resample {resample} of the preprocessor; known: {RESAMPLE}")
    return {
        "size": size,
        "shortest_edge": edge,
        "mean": settings["image_mean"],
        "std": settings["image_std"],
        "interpolation": RESAMPLE[resample],
    }


def read_transformers(folder: Path, family: str) -> dict[str, Tensor]:
    """The weights of a model of transformers as its own loader reads them, whatever their age; all of them."""
    import transformers

    return _read(getattr(transformers, FAMILIES[family].model), folder, dtype=torch.float32)


def read_autoencoder(folder: Path) -> dict[str, Tensor]:
    """The weights of an AutoencoderKL of diffusers."""
    from diffusers import AutoencoderKL

    return _read(AutoencoderKL, folder, torch_dtype=torch.float32)


def _read(kind: Any, folder: Path, **precision: torch.dtype) -> dict[str, Tensor]:
    require_whole(folder)
    try:
        model, report = kind.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, output_loading_info=True, **precision
        )
    except (OSError, RuntimeError, ValueError, TypeError) as error:
        raise CheckpointError(f"{folder}: config.json and weights do not belong together: {error}") from error
    _require_all(folder, report)
    return model.state_dict()


def _require_all(folder: Path, report: Mapping[str, Any]) -> None:
    for kind in ("missing_keys", "mismatched_keys"):
        if report.get(kind):
            raise CheckpointError(
                f"{folder}: {kind.replace('_', ' ')} {sorted(map(str, report[kind]))[:4]}: config.json and weights do "
                "not belong together"
            )


def _crop(folder: Path, settings: Mapping[str, Any]) -> tuple[int, int | None]:
    """Pixels of the picture and of the shorter side before the crop; None where the whole frame is squeezed."""
    size, crop = settings.get("size"), settings.get("crop_size")
    size = {"shortest_edge": size} if isinstance(size, int) else size
    crop = {"height": crop, "width": crop} if isinstance(crop, int) else crop
    if isinstance(size, dict) and "shortest_edge" in size and isinstance(crop, dict):
        if crop.get("height") == crop.get("width"):
            return crop["height"], size["shortest_edge"]
    elif isinstance(size, dict) and "height" in size and size["height"] == size.get("width"):
        return size["height"], None
    raise CheckpointError(
        f"{folder}: the preprocessor crops to size {size} and crop_size {crop}; expected a shortest_edge with a square "
        "crop_size, or a square size"
    )
