"""The parts of a robot profile, and how each is read from plain data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wm_ros.robots.target import RATE_OF, Target, read_target
from wm_ros.robots.yaml_fields import (
    ProfileError,
    reject_unknown,
    require_finite,
    require_mapping,
    require_positive,
    require_text,
)

# What the number in a command message is; the action itself is a rate, whatever the kind.
KINDS = ("velocity", "position", "gripper", "pose")


@dataclass(frozen=True)
class ActionComponent:
    """One number of the action vector: its unit, its limits and where it sits in the command message.

    The action is a rate. kind: what is in the message: the rate itself (velocity), or what the guard makes of it: a
    joint's position, a gripper's opening, or one part of an end effector's pose. target: of a position and a gripper,
    their range and how messages count in it. field: empty where the command is a pose, which has no place for a rate.
    """

    name: str
    unit: str
    min: float
    max: float
    max_acceleration: float
    max_jerk: float
    field: str = ""
    kind: str = "velocity"
    target: Target | None = None

    @property
    def required_target(self) -> Target:
        """The target; ValueError for a velocity or a part of a pose."""
        if self.target is None:
            raise ValueError(f"component {self.name} is a {self.kind}, which has no range")
        return self.target


@dataclass(frozen=True)
class Camera:
    """The camera stream: relative topic and transport (`raw` or `compressed`).

    noise: no two of its pictures are the same, as with every real sensor, so that one shown again means it is
    frozen. False for simulated cameras without noise, whose pictures of a scene at rest are all the same.
    moves: it rides on the robot, so that all of the picture moves with it and not the robot in the picture.
    name: of one among several, which say their topics; empty for the only one.
    """

    topic: str = "image"
    transport: str = "raw"
    noise: bool = True
    moves: bool = False
    name: str = ""


@dataclass(frozen=True)
class Leash:
    """How old the measured state may be, and how far a commanded pose from it; joints have leashes of their own."""

    max_age_s: float
    position_m: float | None = None
    rotation_rad: float | None = None


@dataclass(frozen=True)
class Command:
    """The robot's command topic: message type, guard rate, and the driver's own timeout in seconds.

    leash: of commands that are targets (poses, positions), which rates are integrated to; None for velocities.
    """

    topic: str
    type: str
    rate_hz: float
    timeout_s: float
    leash: Leash | None = None


@dataclass(frozen=True)
class State:
    """An optional topic with the robot's measured state.

    names: of what a JointState tells, where that is not a position for each component of the action.
    """

    topic: str
    type: str
    names: tuple[str, ...] = ()


EMBEDDED = "wm_ros/"


@dataclass(frozen=True)
class SimulatorEntry:
    """What is this robot in simulation, a Gymnasium environment or an embedded robot, and the side of its pictures, px.

    env: an id such as `gym_pusht/PushT-v0`, with `module:` before it where a module must be imported for it; or
    `wm_ros/pusher`, the embedded robot of that name, whose pictures have a size of their own. distractor: whether a
    disc wanders through the pictures by itself.
    """

    env: str
    size: int = 64
    distractor: bool = False

    @property
    def embedded(self) -> str | None:
        """The name of an embedded robot; None where it is a Gymnasium environment."""
        return self.env.removeprefix(EMBEDDED) if self.env.startswith(EMBEDDED) else None


@dataclass(frozen=True)
class Gripper:
    """Where the gripper's state is measured: a sensor_msgs/JointState topic, and the joint's positions at both ends."""

    topic: str
    joint: str
    open: float
    closed: float


def read_component(entry: Any, index: int) -> ActionComponent:
    path = f"action[{index}]"
    entry = require_mapping(entry, path)
    reject_unknown(entry, set(ActionComponent.__annotations__), path)
    unit, kind = require_text(entry.get("unit"), f"{path}.unit"), entry.get("kind", "velocity")
    if kind not in KINDS:
        raise ProfileError(f"{path}.kind must be one of {', '.join(KINDS)}, got {kind!r}")
    low = require_finite(entry.get("min"), f"{path}.min")
    high = require_finite(entry.get("max"), f"{path}.max")
    # Zero must be allowed, or the guard could never stop the robot within its limits.
    if not low <= 0.0 <= high or low == high:
        raise ProfileError(
            f"{path}: limits must satisfy min <= 0 <= max and min < max, got min {low} max {high}"
        )
    return ActionComponent(
        name=require_text(entry.get("name"), f"{path}.name"),
        unit=unit,
        min=low,
        max=high,
        max_acceleration=require_positive(entry.get("max_acceleration"), f"{path}.max_acceleration"),
        max_jerk=require_positive(entry.get("max_jerk"), f"{path}.max_jerk"),
        field=require_text(entry["field"], f"{path}.field") if "field" in entry else "",
        kind=kind,
        target=_read_target_of(entry, path, kind, unit),
    )


def _read_target_of(entry: Mapping[str, Any], path: str, kind: str, unit: str) -> Target | None:
    if kind not in ("position", "gripper"):
        if "target" in entry:
            raise ProfileError(f"{path}.target is for the kinds position and gripper, this one is a {kind}")
        return None
    units = ("1/s",) if kind == "gripper" else tuple(RATE_OF)
    if unit not in units:
        raise ProfileError(
            f"{path}.unit of a {kind} must be {' or '.join(units)}, got {unit!r}: actions are rates; what messages "
            "count in is target.unit"
        )
    return read_target(entry.get("target"), f"{path}.target", kind, unit)


def read_command(data: Mapping[str, Any]) -> Command:
    reject_unknown(data, set(Command.__annotations__), "command")
    return Command(
        topic=require_text(data.get("topic"), "command.topic"),
        type=require_text(data.get("type"), "command.type"),
        rate_hz=require_positive(data.get("rate_hz"), "command.rate_hz"),
        timeout_s=require_positive(data.get("timeout_s"), "command.timeout_s"),
        leash=read_leash(data.get("leash")),
    )


def read_leash(data: Any) -> Leash | None:
    if data is None:
        return None
    data = require_mapping(data, "command.leash")
    reject_unknown(data, set(Leash.__annotations__), "command.leash")
    given = {name: require_positive(value, f"command.leash.{name}") for name, value in data.items()}
    if "max_age_s" not in given:
        raise ProfileError("command.leash.max_age_s must say how old the measured state may be, in seconds")
    return Leash(**given)


def read_cameras(data: Mapping[str, Any]) -> tuple[Camera, ...]:
    """The cameras of a profile: the one of its entry `camera`, or those of its list `cameras`."""
    if "cameras" not in data:
        return (_read_camera(data.get("camera", {}), "camera", _OF_ONE),)
    if "camera" in data:
        raise ProfileError("a profile has an entry `camera` or an entry `cameras`, not both")
    entries = data["cameras"]
    if not isinstance(entries, (list, tuple)) or not entries:
        raise ProfileError(f"cameras must be a list with at least one camera, got {entries!r}")
    cameras = tuple(_read_listed(entry, f"cameras[{index}]") for index, entry in enumerate(entries))
    for key in ("name", "topic"):
        values = [getattr(camera, key).strip("/") for camera in cameras]
        if twice := sorted({value for value in values if values.count(value) > 1}):
            raise ProfileError(
                f"cameras must each have a {key} of their own, got {twice[0]!r} more than once: one camera seen twice "
                "would hide that the other is dead"
            )
    return cameras


_OF_ONE = {"topic", "transport", "noise", "moves"}


def _read_listed(entry: Any, path: str) -> Camera:
    camera = _read_camera(entry, path, _OF_ONE | {"name"})
    if missing := [key for key in ("name", "topic") if key not in entry]:
        raise ProfileError(f"{path} must say its {' and '.join(missing)}")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", camera.name):
        raise ProfileError(
            f"{path}.name must be letters, digits and _, from a letter on, got {camera.name!r}"
        )
    return camera


def _read_camera(data: Any, path: str, known: set[str]) -> Camera:
    data = require_mapping(data, path)
    reject_unknown(data, known, path)
    given = {}
    for key, value in data.items():
        if key not in ("noise", "moves"):
            value = require_text(value, f"{path}.{key}")
        elif not isinstance(value, bool):
            raise ProfileError(f"{path}.{key} must be true or false, got {value!r}")
        given[key] = value
    camera = Camera(**given)
    if camera.transport not in ("raw", "compressed"):
        raise ProfileError(f"{path}.transport must be raw or compressed, got {camera.transport!r}")
    return camera


def read_state(data: Any) -> State | None:
    if data is None:
        return None
    data = require_mapping(data, "state")
    reject_unknown(data, set(State.__annotations__), "state")
    names = data.get("names", [])
    if not isinstance(names, (list, tuple)) or len(set(map(str, names))) != len(names):
        raise ProfileError(f"state.names must be a list of different names, got {names!r}")
    return State(
        topic=require_text(data.get("topic"), "state.topic"),
        type=require_text(data.get("type"), "state.type"),
        names=tuple(require_text(name, f"state.names[{index}]") for index, name in enumerate(names)),
    )


def read_simulator(data: Any) -> SimulatorEntry | None:
    if data is None:
        return None
    data = require_mapping(data, "simulator")
    reject_unknown(data, set(SimulatorEntry.__annotations__), "simulator")
    size = data.get("size", SimulatorEntry.size)
    if not isinstance(size, int) or not 8 <= size <= 1280:
        raise ProfileError(f"simulator.size must be a whole number of pixels in [8, 1280], got {size!r}")
    distractor = data.get("distractor", SimulatorEntry.distractor)
    if not isinstance(distractor, bool):
        raise ProfileError(f"simulator.distractor must be true or false, got {distractor!r}")
    return SimulatorEntry(require_text(data.get("env"), "simulator.env"), size, distractor)


def read_gripper(data: Any) -> Gripper | None:
    if data is None:
        return None
    data = require_mapping(data, "gripper")
    reject_unknown(data, set(Gripper.__annotations__), "gripper")
    topic, joint = (require_text(data.get(key), f"gripper.{key}") for key in ("topic", "joint"))
    opened, closed = (require_finite(data.get(key), f"gripper.{key}") for key in ("open", "closed"))
    if opened == closed:
        raise ProfileError(f"gripper.open and gripper.closed must differ, got {opened} for both")
    return Gripper(topic=topic, joint=joint, open=opened, closed=closed)
