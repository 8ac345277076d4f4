"""The files of a checkpoint folder, and weights into the modules that they are of: all of them, and no others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from wm_ros.models.card import CheckpointError

Module = TypeVar("Module", bound=nn.Module)
WEIGHTS, DECODER_WEIGHTS = "weights.safetensors", "decoder.safetensors"
INFINITE_BEFORE_TRAINING = ("goal_distance.latent_step",)


def write_weights(weights: Mapping[str, Tensor], folder: Path, card: str) -> None:
    """Write a checkpoint folder, which is created; weights first, so that a card never promises missing ones."""
    folder.mkdir(parents=True, exist_ok=True)
    save_weights(weights, folder / WEIGHTS)
    (folder / "card.json").write_text(card, encoding="utf-8")


def save_weights(weights: Mapping[str, Tensor], path: Path) -> None:
    """Write a file of weights, which replaces one of this name when it is whole."""
    partial = path.with_name(f"{path.name}.partial")
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}, partial)
    partial.replace(path)


def read_weights(folder: Path, file: str = WEIGHTS) -> dict[str, Tensor]:
    """The weights of a checkpoint folder by their names; CheckpointError when they are missing or damaged."""
    path = folder / file
    try:
        return load_file(path)
    except FileNotFoundError:
        raise CheckpointError(f"{path} is missing") from None
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is damaged or no safetensors file: {error}") from error


def fill(
    build: Callable[[], Module], weights: dict[str, Tensor], folder: Path, device: str, file: str = WEIGHTS
) -> Module:
    """The module that a checkpoint's card describes, with its weights, for use: evaluation mode, no gradients.

    Raises CheckpointError when it cannot be built, has other weights than the checkpoint holds, or not finite ones.
    """
    try:
        module = build()
    except (TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(
            f"{folder / 'card.json'} describes no model that can be built: {error}"
        ) from error
    hint = ": the card is that of another model, or an older wm_ros wrote both (train or convert again)"
    path = folder / file
    require_same(path, weights, module.state_dict(), hint)
    module.load_state_dict(weights, strict=True)
    require_finite(path, module)
    try:
        module = module.to(device)
    except (RuntimeError, AssertionError) as error:
        raise CheckpointError(f"device {device!r} cannot be used: {error}") from error
    return module.eval().requires_grad_(False)


def require_same(
    path: Path, found: Mapping[str, Tensor], expected: Mapping[str, torch.Tensor], hint: str = ""
) -> None:
    """Raise CheckpointError unless a file holds exactly these weights, by name and shape; hint: why they may not."""
    missing, unknown = sorted(set(expected) - set(found)), sorted(set(found) - set(expected))
    if missing or unknown:
        raise CheckpointError(
            f"{path}: missing weights {missing[:4]}, unexpected weights {unknown[:4]}{hint}"
        )
    for name, tensor in expected.items():
        if found[name].shape != tensor.shape:
            raise CheckpointError(
                f"{path}: {name} has shape {list(found[name].shape)}, the card describes {list(tensor.shape)}"
            )


def require_finite(path: Path, module: nn.Module) -> None:
    """Raise CheckpointError when a module has NaN or infinite weights, which came from a file.

    After loading: a number that the file's type holds may be infinite in the module's.
    """
    for name, tensor in module.state_dict().items():
        wrong = torch.isnan if name in INFINITE_BEFORE_TRAINING else _not_finite
        # Least and greatest are NaN where any value is, and thirty times as fast to find as what is wrong with each.
        if tensor.is_floating_point() and tensor.numel() and wrong(torch.stack(tensor.aminmax())).any():
            raise CheckpointError(
                f"{path}: {name} holds {int(wrong(tensor).sum())} NaN or infinite numbers of {tensor.numel()}; the "
                "file is damaged, or the training that wrote it diverged: fetch or train it again"
            )


def _not_finite(tensor: Tensor) -> Tensor:
    return ~tensor.isfinite()
