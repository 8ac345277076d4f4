"""Checkpoints: a folder with weights.safetensors and card.json; no pickle is ever read."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from wm_ros.models.card import Card, CheckpointError, read_card
from wm_ros.models.world_model import WorldModel
from wm_ros.resources import PACKAGE
from wm_ros.robots.profile import RobotProfile, differences

__all__ = [
    "Card",
    "CheckpointError",
    "find_checkpoint",
    "load_checkpoint",
    "require_robot",
    "save_checkpoint",
]


def find_checkpoint(path: str, profile: RobotProfile) -> Path:
    """The folder a user means: `path`, or the packaged checkpoint of this robot when `path` is empty."""
    if path:
        return Path(path).expanduser()
    packaged = PACKAGE / "checkpoints" / profile.name
    if not packaged.is_dir():
        raise CheckpointError(
            f"no checkpoint given and none is packaged for robot {profile.name!r}; "
            "train one with `wm_ros train BAG --out FOLDER` and give its folder"
        )
    return packaged


def save_checkpoint(model: WorldModel, folder: str | Path) -> None:
    """Write the model to a folder, which is created; weights first, so that a card never promises missing ones."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    partial = folder / "weights.safetensors.partial"
    save_file(weights, partial)
    partial.replace(folder / "weights.safetensors")
    (folder / "card.json").write_text(model.card.to_json(), encoding="utf-8")


def load_checkpoint(folder: str | Path, device: str = "cpu") -> WorldModel:
    """Read a model for use: evaluation mode, no gradients, on `device`.

    Raises CheckpointError when a file is missing, damaged, or does not hold exactly the weights the card describes.
    """
    folder = Path(folder)
    card, path = read_card(folder), folder / "weights.safetensors"
    try:
        weights = load_file(path)
    except FileNotFoundError:
        raise CheckpointError(f"{path} is missing") from None
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path} is damaged or no safetensors file: {error}") from error
    _require_enough(path, weights, card)
    try:
        model = WorldModel(card)
    except (TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(
            f"{folder / 'card.json'} describes no model that can be built: {error}"
        ) from error
    _require_same_shapes(path, weights, model.state_dict())
    model.load_state_dict(weights, strict=True)
    try:
        model = model.to(device)
    except (RuntimeError, AssertionError) as error:
        raise CheckpointError(f"device {device!r} cannot be used: {error}") from error
    return model.eval().requires_grad_(False)


def require_robot(model: WorldModel, profile: RobotProfile) -> None:
    """Raise CheckpointError when the model was trained for a robot that differs from `profile`."""
    if found := differences(model.card.robot, profile):
        raise CheckpointError(
            f"the checkpoint was trained for robot {model.card.robot.name!r}, which differs from profile "
            f"{profile.name!r}: {'; '.join(found)}. Use this robot's checkpoint, or train one for this profile"
        )


def _require_enough(path: Path, weights: dict[str, torch.Tensor], card: Card) -> None:
    """Before a damaged card asks for all memory there is: a transformer block has more than 12 width^2 weights."""
    networks = [card.inverse_dynamics, card.forward_model, *([] if card.labelled else [card.controller])]
    needed = sum(12 * network.depth * network.width**2 for network in networks)
    needed += card.bottleneck.get("codes", 0) * card.latent_action_dim
    found = sum(tensor.numel() for tensor in weights.values())
    if found < needed:
        raise CheckpointError(f"{path}: holds {found} weights, the card describes more than {needed}")


def _require_same_shapes(
    path: Path, found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]
) -> None:
    missing, unknown = sorted(set(expected) - set(found)), sorted(set(found) - set(expected))
    if missing or unknown:
        raise CheckpointError(f"{path}: missing weights {missing[:4]}, unexpected weights {unknown[:4]}")
    for name, tensor in expected.items():
        if found[name].shape != tensor.shape:
            raise CheckpointError(
                f"{path}: {name} has shape {list(found[name].shape)}, the card describes {list(tensor.shape)}"
            )
