"""Checkpoints: a folder with weights.safetensors and card.json; no pickle is ever read."""

from __future__ import annotations

from pathlib import Path

import torch

from wm_ros.models.card import Card, CheckpointError, read_card
from wm_ros.models.encoder_checkpoint import EncoderCheckpoint, is_encoder, load_encoder
from wm_ros.models.planning_model import PlanningModel
from wm_ros.models.weights import fill, read_weights, write_weights
from wm_ros.models.world_model import WorldModel
from wm_ros.resources import PACKAGE
from wm_ros.robots.profile import RobotProfile, differences

__all__ = [
    "Card",
    "CheckpointError",
    "find_checkpoint",
    "load_checkpoint",
    "load_encoder_of",
    "require_robot",
    "save_checkpoint",
]


def find_checkpoint(path: str, profile: RobotProfile) -> Path:
    """The folder a user means: `path`, or the packaged checkpoint of this robot when `path` is empty.

    A profile that names an embedded robot has that one's: it may be told velocities or positions.
    """
    if path:
        return Path(path).expanduser()
    embedded = profile.simulator and profile.simulator.embedded
    packaged = PACKAGE / "checkpoints" / (embedded or profile.name)
    if not packaged.is_dir():
        raise CheckpointError(
            f"no checkpoint given and none is packaged for robot {profile.name!r}; "
            "train one with `wm_ros train BAG --out FOLDER` and give its folder"
        )
    return packaged


def save_checkpoint(model: WorldModel, folder: str | Path) -> None:
    """Write the model to a folder, which is created."""
    write_weights(model.state_dict(), Path(folder), model.card.to_json())


def load_checkpoint(folder: str | Path, device: str = "cpu") -> WorldModel:
    """Read a model for use: evaluation mode, no gradients, on `device`.

    Raises CheckpointError when a file is missing, damaged, or does not hold exactly the weights the card describes.
    """
    folder = Path(folder)
    card = read_card(folder)
    weights = read_weights(folder)
    _require_enough(folder / "weights.safetensors", weights, card)
    return fill(lambda: WorldModel(card), weights, folder, device)


def load_encoder_of(folder: str | Path) -> WorldModel | EncoderCheckpoint:
    """A checkpoint whose encoder is wanted: of a whole model, or of an encoder alone."""
    folder = Path(folder)
    return load_encoder(folder) if is_encoder(folder) else load_checkpoint(folder)


def require_robot(model: PlanningModel, profile: RobotProfile) -> None:
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
