"""The parts of a robot profile, and how each is read from plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wm_ros.robots.yaml_fields import (
    ProfileError,
    reject_unknown,
    require_finite,
    require_mapping,
    require_positive,
    require_text,
)


@dataclass(frozen=True)
class ActionComponent:
    """One number of the action vector: its unit, its limits and where it sits in the command message.

    field: empty where the command is a pose, which has no place for a rate.
    """

    name: str
    unit: str
    min: float
    max: float
    max_acceleration: float
    max_jerk: float
    field: str = ""


@dataclass(frozen=True)
class Camera:
    """The camera stream: relative topic and transport (`raw` or `compressed`).

    noise: no two of its pictures are the same, as with every real sensor, so that one shown again means it is
    frozen. False for simulated cameras without noise, whose pictures of a scene at rest are all the same.
    moves: it rides on the robot, so that all of the picture moves with it and not the robot in the picture.
    """

    topic: str = "image"
    transport: str = "raw"
    noise: bool = True
    moves: bool = False


@dataclass(frozen=True)
class Leash:
    """How far a commanded pose may be from the measured one, and how old that may be."""

    position_m: float
    rotation_rad: float
    max_age_s: float


@dataclass(frozen=True)
class Command:
    """The robot's command topic: message type, guard rate, and the driver's own timeout in seconds.

    leash: of a command that is a pose, which rates are integrated to; None for all others.
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
    `wm_ros/pusher`, the embedded robot of that name, whose pictures have a size of their own.
    """

    env: str
    size: int = 64

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
    low = require_finite(entry.get("min"), f"{path}.min")
    high = require_finite(entry.get("max"), f"{path}.max")
    # Zero must be allowed, or the guard could never stop the robot within its limits.
    if not low <= 0.0 <= high or low == high:
        raise ProfileError(
            f"{path}: limits must satisfy min <= 0 <= max and min < max, got min {low} max {high}"
        )
    return ActionComponent(
        name=require_text(entry.get("name"), f"{path}.name"),
        unit=require_text(entry.get("unit"), f"{path}.unit"),
        min=low,
        max=high,
        max_acceleration=require_positive(entry.get("max_acceleration"), f"{path}.max_acceleration"),
        max_jerk=require_positive(entry.get("max_jerk"), f"{path}.max_jerk"),
        field=require_text(entry["field"], f"{path}.field") if "field" in entry else "",
    )


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
    names = Leash.__annotations__
    reject_unknown(data, set(names), "command.leash")
    return Leash(**{name: require_positive(data.get(name), f"command.leash.{name}") for name in names})


def read_camera(data: Any) -> Camera:
    data = require_mapping(data, "camera")
    reject_unknown(data, set(Camera.__annotations__), "camera")
    given = {}
    for key, value in data.items():
        if key not in ("noise", "moves"):
            value = require_text(value, f"camera.{key}")
        elif not isinstance(value, bool):
            raise ProfileError(f"camera.{key} must be true or false, got {value!r}")
        given[key] = value
    camera = Camera(**given)
    if camera.transport not in ("raw", "compressed"):
        raise ProfileError(f"camera.transport must be raw or compressed, got {camera.transport!r}")
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
    return SimulatorEntry(env=require_text(data.get("env"), "simulator.env"), size=size)


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
