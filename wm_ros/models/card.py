"""The card of a checkpoint: everything about a model that is not a weight, as checked JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from wm_ros.robots.profile import ProfileError, RobotProfile, profile_from_dict

FORMAT = 1


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message names the file, what was found and what was expected."""


@dataclass(frozen=True)
class Network:
    """Size of one transformer."""

    width: int
    depth: int
    heads: int


@dataclass(frozen=True)
class Card:
    """What a checkpoint folder's card.json says: dimensions, input rule, robot, latent action, provenance.

    encoder: name and the arguments that build it; robot: the profile the controller was trained for;
    action_scale: SI value of one normalised unit per action component.
    """

    encoder: dict[str, Any]
    robot: RobotProfile
    latent_action_dim: int
    action_scale: tuple[float, ...]
    inverse_dynamics: Network
    forward_model: Network
    controller: Network
    bottleneck: dict[str, Any]
    training: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    licence: str = "Apache-2.0"

    @property
    def labelled(self) -> bool:
        """Whether the forward model was given the robot actions: the baseline to compare latent actions with."""
        return self.bottleneck.get("name") == "labelled"

    def to_json(self) -> str:
        data = asdict(self) | {"format": FORMAT, "robot": self.robot.to_dict()}
        return json.dumps(data, indent=1, sort_keys=True) + "\n"


def read_card(folder: Path) -> Card:
    """Read `card.json` of a checkpoint folder; raises CheckpointError for anything that is not a valid card."""
    path = folder / "card.json"
    if not folder.is_dir():
        raise CheckpointError(
            f"checkpoint {folder} is not a folder; expected weights.safetensors and card.json in it"
        )
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(
            f"{path} is missing; a checkpoint is a folder that `wm_ros train` writes"
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CheckpointError(f"{path} is not valid JSON: {error}") from error
    try:
        return _card_from_dict(data)
    except (CheckpointError, ProfileError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: {error}") from error


def _card_from_dict(data: Any) -> Card:
    if not isinstance(data, dict):
        raise CheckpointError(f"a card must be a JSON object, got {type(data).__name__}")
    if data.get("format") != FORMAT:
        raise CheckpointError(f"card format {data.get('format')!r}; this version reads format {FORMAT}")
    entries = {key: value for key, value in data.items() if key != "format"}
    known = {item.name for item in fields(Card)}
    if unknown := sorted(set(entries) - known):
        raise CheckpointError(f"unknown entries {unknown}; known: {sorted(known)}")
    entries["robot"] = profile_from_dict(entries.get("robot"))
    for name in ("inverse_dynamics", "forward_model", "controller"):
        if not isinstance(entries.get(name), dict):
            raise CheckpointError(
                f"{name} must be an object with width, depth and heads, got {entries.get(name)!r}"
            )
        entries[name] = Network(**entries[name])
    entries["action_scale"] = tuple(float(value) for value in entries.get("action_scale", ()))
    card = Card(**entries)
    if card.bottleneck.get("name") not in ("noise", "labelled"):
        raise CheckpointError(f"unknown bottleneck {card.bottleneck!r}; known names: noise, labelled")
    if card.labelled and card.latent_action_dim != len(card.robot.action):
        raise CheckpointError(
            f"latent_action_dim {card.latent_action_dim} of a labelled model must be the action's"
        )
    if len(card.action_scale) != len(card.robot.action):
        raise CheckpointError(
            f"action_scale has {len(card.action_scale)} numbers for {len(card.robot.action)} action components"
        )
    return card
