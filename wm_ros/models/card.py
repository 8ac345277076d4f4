"""The card of a checkpoint: everything about a model that is not a weight, as checked JSON."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from wm_ros.models.bottlenecks.build import complete_options
from wm_ros.models.bottlenecks.kinds import LABELLED
from wm_ros.models.bottlenecks.option import BottleneckError
from wm_ros.models.distance_kinds import GOAL_DISTANCES
from wm_ros.robots.profile import ProfileError, RobotProfile, profile_from_dict

FORMAT = 1
DECODER = (
    "decoder"  # the entry of a card that is of what is kept beside the weights, see `decoder_checkpoint`
)
MOST = 4096  # of anything a network has: beyond, the card is damaged


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message names the file, what was found and what was expected."""


@dataclass(frozen=True)
class Network:
    """Size of one transformer; `merge` neighbouring tokens of a frame are one to it."""

    width: int
    depth: int
    heads: int
    merge: int = 1


@dataclass(frozen=True)
class Reached:
    """At which goal distance a goal counts as reached, as `wm_ros.training.reached` found it on held-out episodes.

    near: share of pairs of frames one model step apart that count as reached; far: share of pairs many model
    steps apart that do, some of which the robot really came back to.
    """

    distance: float
    near: float
    far: float


@dataclass(frozen=True)
class Card:
    """What a checkpoint folder's card.json says: dimensions, input rule, robot, latent action, provenance.

    encoder: name and the arguments that build it; robot: the profile the controller was trained for;
    action_scale: SI value of one normalised unit per action component; controller_kind: whether it reads the state;
    goal_distance: by what plans are judged, see `GOAL_DISTANCES`; reached: None where nobody calibrated it.
    """

    encoder: dict[str, Any]
    robot: RobotProfile
    latent_action_dim: int
    action_scale: tuple[float, ...]
    inverse_dynamics: Network
    forward_model: Network
    controller: Network
    bottleneck: dict[str, Any]
    controller_kind: str = "state-conditioned"
    goal_distance: str = "displacement"
    reached: Reached | None = None
    training: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    licence: str = "Apache-2.0"

    @property
    def labelled(self) -> bool:
        """Whether the forward model was given the robot actions: the baseline to compare latent actions with."""
        return self.bottleneck.get("name") == LABELLED

    def to_json(self) -> str:
        data = asdict(self) | {"format": FORMAT, "robot": self.robot.to_dict()}
        if self.reached is None:
            del data["reached"]
        return json.dumps(data, indent=1, sort_keys=True) + "\n"


def reached_in_words(card: Card) -> str:
    """When a goal is reached, and how often that is wrong, for people."""
    reached = card.reached
    if reached is None:
        return "at which distance a goal is reached was not measured: `wm_ros calibrate`"
    return (
        f"a goal is reached at {reached.distance:.2f}: {reached.near:.0%} of frames one model step apart are as near, "
        f"{reached.far:.1%} of those many steps apart"
    )


def read_json(folder: Path) -> dict[str, Any]:
    """The data in `card.json` of a checkpoint folder; raises CheckpointError when it is not a JSON object."""
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
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(data, dict):
        raise CheckpointError(f"{path}: a card must be a JSON object, got {type(data).__name__}")
    return data


def add_to_card(folder: Path, entry: str, value: Any) -> None:
    """Write one entry of a card, of JSON data, and leave all others as they are."""
    data = read_json(folder) | {entry: value}
    path = folder / "card.json"
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(data, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    partial.replace(path)


def read_card_of_kind(folder: Path, kind: str, what: str, entries: Collection[str]) -> dict[str, Any]:
    """The data of a card that `wm_ros convert` wrote; what: its kind in words.

    Raises CheckpointError unless it is of this kind and the present format and has, beside both, these entries.
    """
    data, path = read_json(folder), folder / "card.json"
    if data.get("kind") != kind or data.get("format") != FORMAT:
        raise CheckpointError(
            f"{path}: kind {data.get('kind', 'model')!r} of format {data.get('format')!r}; {what} as "
            f"`wm_ros convert` writes it has kind {kind!r} and format {FORMAT}"
        )
    expected = sorted({*entries, "format", "kind"})
    if sorted(set(data) - {DECODER}) != expected:
        raise CheckpointError(f"{path}: must have the entries {expected}, got {sorted(data)}")
    return data


def read_card(folder: Path) -> Card:
    """Read `card.json` of a checkpoint folder; raises CheckpointError for anything that is not a valid card."""
    data = read_json(folder)
    try:
        return _card_from_dict(data)
    except (BottleneckError, CheckpointError, ProfileError) as error:
        raise CheckpointError(f"{folder / 'card.json'}: {error}") from error


def _card_from_dict(data: dict[str, Any]) -> Card:
    if data.get("format") != FORMAT:
        raise CheckpointError(f"card format {data.get('format')!r}; this version reads format {FORMAT}")
    if "kind" in data:
        raise CheckpointError(
            f"this is of kind {data['kind']!r}, not a trained model; an encoder becomes part of one with "
            "`wm_ros train BAG --encoder FOLDER`"
        )
    known = {item.name for item in fields(Card)}
    if unknown := sorted(set(data) - known - {"format", DECODER}):
        raise CheckpointError(f"unknown entries {unknown}; known: {sorted(known)}")
    robot = profile_from_dict(data.get("robot"))
    card = Card(
        encoder=_named(data, "encoder"),
        robot=robot,
        latent_action_dim=_count(data.get("latent_action_dim"), "latent_action_dim"),
        action_scale=_action_scale(data.get("action_scale"), len(robot.action)),
        inverse_dynamics=_network(data, "inverse_dynamics"),
        forward_model=_network(data, "forward_model"),
        controller=_network(data, "controller"),
        bottleneck=_named(data, "bottleneck"),
        controller_kind=_text(data.get("controller_kind", "state-conditioned"), "controller_kind"),
        goal_distance=_text(data.get("goal_distance", "displacement"), "goal_distance"),
        reached=_reached(data["reached"]) if "reached" in data else None,
        training=_object(data.get("training", {}), "training"),
        metrics=_object(data.get("metrics", {}), "metrics"),
        licence=_text(data.get("licence"), "licence"),
    )
    complete_options(card.bottleneck)
    if card.goal_distance not in GOAL_DISTANCES:
        raise CheckpointError(
            f"unknown goal_distance {card.goal_distance!r}; known: {', '.join(GOAL_DISTANCES)}"
        )
    if card.labelled and card.latent_action_dim != len(robot.action):
        raise CheckpointError(
            f"latent_action_dim {card.latent_action_dim} of a labelled model must be that of the action, "
            f"{len(robot.action)}"
        )
    return card


def _network(data: dict[str, Any], where: str) -> Network:
    sizes = {"merge": 1, **_object(data.get(where), where)}
    names = [item.name for item in fields(Network)]
    if sorted(sizes) != sorted(names):
        raise CheckpointError(f"{where} must have the entries {names}, got {sorted(sizes)}")
    return Network(**{name: _count(sizes[name], f"{where}.{name}") for name in names})


def _reached(value: Any) -> Reached:
    entries = _object(value, "reached")
    names = [item.name for item in fields(Reached)]
    if sorted(entries) != sorted(names):
        raise CheckpointError(f"reached must have the entries {names}, got {sorted(entries)}")
    for name, number in entries.items():
        least, most = (1e-9, 1e9) if name == "distance" else (0.0, 1.0)
        if isinstance(number, bool) or not isinstance(number, (int, float)) or not least <= number <= most:
            raise CheckpointError(
                f"reached.{name} must be a number from {least:g} to {most:g}, got {number!r}"
            )
    return Reached(**{name: float(entries[name]) for name in names})


def _action_scale(value: Any, actions: int) -> tuple[float, ...]:
    if not isinstance(value, list) or len(value) != actions:
        raise CheckpointError(
            f"action_scale must be a list of {actions} numbers, one per action, got {value!r}"
        )
    for number in value:
        # Beyond these, single precision makes of every action nothing or NaN.
        if isinstance(number, bool) or not isinstance(number, (int, float)) or not 1e-9 <= number <= 1e9:
            raise CheckpointError(f"action_scale must hold numbers from 1e-9 to 1e9, got {value!r}")
    return tuple(float(number) for number in value)


def _named(data: dict[str, Any], where: str) -> dict[str, Any]:
    value = _object(data.get(where), where)
    _text(value.get("name"), f"{where}.name")
    return value


def _object(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise CheckpointError(f"{where} must be a JSON object, got {value!r}")
    return value


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise CheckpointError(f"{where} must be a text, got {value!r}")
    return value


def _count(value: Any, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST:
        raise CheckpointError(f"{where} must be an integer from 1 to {MOST}, got {value!r}")
    return value
