"""Robot profile: one YAML that says what an action vector means, its bounds and its topics."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from wm_ros.resources import share_dir

# A command of this type is a pose of the end effector, and its action the rates of one.
POSE_TYPE = "geometry_msgs/msg/PoseStamped"
POSE_RATES = (
    *((name, "m/s") for name in ("x", "y", "z")),
    *((name, "rad/s") for name in ("roll", "pitch", "yaw")),
)


class ProfileError(ValueError):
    """A robot profile that must not drive a robot; the message names the entry, its value and the rule."""


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
    """An optional topic with the robot's measured state."""

    topic: str
    type: str


@dataclass(frozen=True)
class Gripper:
    """Where the gripper's state is measured: a sensor_msgs/JointState topic, and the joint's positions at both ends."""

    topic: str
    joint: str
    open: float
    closed: float


@dataclass(frozen=True)
class RobotProfile:
    """What a robot's action vector means: A components in SI units with limits, and the topics they use."""

    name: str
    action: tuple[ActionComponent, ...]
    command: Command
    model_rate_hz: float
    camera: Camera = Camera()
    state: State | None = None
    gripper: Gripper | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(component.name for component in self.action)

    @property
    def units(self) -> tuple[str, ...]:
        return tuple(component.unit for component in self.action)

    @cached_property
    def low(self) -> np.ndarray:
        return self._limits("min")

    @cached_property
    def high(self) -> np.ndarray:
        return self._limits("max")

    @cached_property
    def max_acceleration(self) -> np.ndarray:
        return self._limits("max_acceleration")

    @cached_property
    def max_jerk(self) -> np.ndarray:
        return self._limits("max_jerk")

    @property
    def is_base(self) -> bool:
        """Whether the action drives a base in its own frame: forward (linear.x), turn (angular.z) and nothing else."""
        fields = [component.field.removeprefix("twist.") for component in self.action]
        return fields == ["linear.x", "angular.z"]

    @property
    def model_dt(self) -> float:
        """Seconds between two model steps."""
        return 1.0 / self.model_rate_hz

    def to_dict(self) -> dict[str, Any]:
        """The profile as plain YAML/JSON data; `profile_from_dict` is the way back."""
        data = asdict(self)
        data["action"] = [_given(asdict(component)) for component in self.action]
        data["command"] = _given(data["command"])
        data["model"] = {"rate_hz": data.pop("model_rate_hz")}
        return _given(data)

    def _limits(self, key: str) -> np.ndarray:
        values = np.array([getattr(component, key) for component in self.action], dtype=np.float64)
        values.setflags(write=False)
        return values


def load_profile(name_or_path: str | Path) -> RobotProfile:
    """Read a profile by name (`arm` is `config/robots/arm.yaml`) or from a YAML file.

    Raises ProfileError when a limit is missing, not finite or of the wrong sign, or an entry is unknown.
    """
    path = Path(name_or_path)
    if path.suffix not in (".yaml", ".yml"):
        folder = share_dir() / "config" / "robots"
        path = folder / f"{name_or_path}.yaml"
        if not path.is_file():
            known = ", ".join(sorted(file.stem for file in folder.glob("*.yaml")))
            raise ProfileError(
                f"no robot profile named {str(name_or_path)!r}; known: {known}; or give a .yaml file"
            )
    if not path.is_file():
        raise ProfileError(f"robot profile {path} does not exist")
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: no UTF-8, or no such date
        raise ProfileError(f"{path} is not valid YAML: {error}") from error
    try:
        return profile_from_dict(data)
    except ProfileError as error:
        raise ProfileError(f"{path}: {error}") from None


def profile_from_dict(data: Any) -> RobotProfile:
    """Build and check a profile from plain data, as read from YAML or from a checkpoint's card."""
    data = _mapping(data, "profile")
    _no_unknown(data, {"name", "camera", "command", "state", "gripper", "model", "action"}, "profile")
    components = data.get("action")
    if not isinstance(components, list) or not components:
        raise ProfileError(f"action must be a list with at least one component, got {components!r}")
    action = tuple(_component(entry, index) for index, entry in enumerate(components))
    names = [component.name for component in action]
    if len(set(names)) != len(names):
        raise ProfileError(f"action names must differ, got {names}")
    model = _mapping(data.get("model"), "model")
    _no_unknown(model, {"rate_hz"}, "model")
    profile = RobotProfile(
        name=_text(data.get("name"), "name"),
        action=action,
        command=_command(_mapping(data.get("command"), "command")),
        model_rate_hz=_positive(model.get("rate_hz"), "model.rate_hz"),
        camera=_camera(data.get("camera", {})),
        state=_state(data.get("state")),
        gripper=_gripper(data.get("gripper")),
    )
    _require_places(profile)
    return profile


def differences(trained: RobotProfile, used: RobotProfile) -> list[str]:
    """What in `used` contradicts the profile a model was trained with; topics and rates of messages may differ."""
    found = []
    if trained.model_rate_hz != used.model_rate_hz:
        found.append(f"model.rate_hz {trained.model_rate_hz} against {used.model_rate_hz}")
    if trained.names != used.names:
        return [*found, f"action names {list(trained.names)} against {list(used.names)}"]
    for before, after in zip(trained.action, used.action, strict=True):
        for key in ("unit", "min", "max"):
            if getattr(before, key) != getattr(after, key):
                found.append(f"{before.name}.{key} {getattr(before, key)} against {getattr(after, key)}")
    return found


def _component(entry: Any, index: int) -> ActionComponent:
    where = f"action[{index}]"
    entry = _mapping(entry, where)
    _no_unknown(entry, set(ActionComponent.__annotations__), where)
    low = _finite(entry.get("min"), f"{where}.min")
    high = _finite(entry.get("max"), f"{where}.max")
    # Zero must be allowed, or the guard could never stop the robot within its limits.
    if not low <= 0.0 <= high or low == high:
        raise ProfileError(
            f"{where}: limits must satisfy min <= 0 <= max and min < max, got min {low} max {high}"
        )
    return ActionComponent(
        name=_text(entry.get("name"), f"{where}.name"),
        unit=_text(entry.get("unit"), f"{where}.unit"),
        min=low,
        max=high,
        max_acceleration=_positive(entry.get("max_acceleration"), f"{where}.max_acceleration"),
        max_jerk=_positive(entry.get("max_jerk"), f"{where}.max_jerk"),
        field=_text(entry["field"], f"{where}.field") if "field" in entry else "",
    )


def _command(data: Mapping[str, Any]) -> Command:
    _no_unknown(data, set(Command.__annotations__), "command")
    return Command(
        topic=_text(data.get("topic"), "command.topic"),
        type=_text(data.get("type"), "command.type"),
        rate_hz=_positive(data.get("rate_hz"), "command.rate_hz"),
        timeout_s=_positive(data.get("timeout_s"), "command.timeout_s"),
        leash=_leash(data.get("leash")),
    )


def _leash(data: Any) -> Leash | None:
    if data is None:
        return None
    data = _mapping(data, "command.leash")
    names = Leash.__annotations__
    _no_unknown(data, set(names), "command.leash")
    return Leash(**{name: _positive(data.get(name), f"command.leash.{name}") for name in names})


def _require_places(profile: RobotProfile) -> None:
    """Raise ProfileError unless every component has its place in the command, or all are the rates of a pose."""
    if profile.command.type != POSE_TYPE:
        if profile.command.leash is not None:
            raise ProfileError(
                f"command.leash is for commands of type {POSE_TYPE}, not {profile.command.type}"
            )
        for index, component in enumerate(profile.action):
            _text(component.field or None, f"action[{index}].field")
        return
    found = tuple((component.name, component.unit) for component in profile.action)
    if found != POSE_RATES:
        raise ProfileError(
            f"the action of a robot that takes poses must be {list(POSE_RATES)}, got {list(found)}"
        )
    for index, component in enumerate(profile.action):
        if component.field:
            raise ProfileError(
                f"action[{index}].field must be left out, got {component.field!r}: a pose has no place for a rate"
            )
    if profile.command.leash is None:
        raise ProfileError(
            f"command.leash must say {sorted(Leash.__annotations__)} for commands of type {POSE_TYPE}"
        )
    if profile.state is None or profile.state.type != POSE_TYPE:
        raise ProfileError(
            f"state must be of type {POSE_TYPE}, where the robot tells its measured pose, got {profile.state}"
        )


def _camera(data: Any) -> Camera:
    data = _mapping(data, "camera")
    _no_unknown(data, set(Camera.__annotations__), "camera")
    given = {}
    for key, value in data.items():
        if key not in ("noise", "moves"):
            value = _text(value, f"camera.{key}")
        elif not isinstance(value, bool):
            raise ProfileError(f"camera.{key} must be true or false, got {value!r}")
        given[key] = value
    camera = Camera(**given)
    if camera.transport not in ("raw", "compressed"):
        raise ProfileError(f"camera.transport must be raw or compressed, got {camera.transport!r}")
    return camera


def _state(data: Any) -> State | None:
    if data is None:
        return None
    data = _mapping(data, "state")
    _no_unknown(data, set(State.__annotations__), "state")
    return State(topic=_text(data.get("topic"), "state.topic"), type=_text(data.get("type"), "state.type"))


def _gripper(data: Any) -> Gripper | None:
    if data is None:
        return None
    data = _mapping(data, "gripper")
    _no_unknown(data, set(Gripper.__annotations__), "gripper")
    texts = {key: _text(data.get(key), f"gripper.{key}") for key in ("topic", "joint")}
    ends = {key: _finite(data.get(key), f"gripper.{key}") for key in ("open", "closed")}
    if ends["open"] == ends["closed"]:
        raise ProfileError(f"gripper.open and gripper.closed must differ, got {ends['open']} for both")
    return Gripper(**texts, **ends)


def _given(data: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if value not in (None, "")}


def _mapping(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ProfileError(f"{where} must be a mapping, got {value!r}")
    return value


def _no_unknown(data: Mapping[str, Any], known: set[str], where: str) -> None:
    unknown = sorted(str(key) for key in set(data) - known)
    if unknown:
        raise ProfileError(f"{where} has unknown entries {unknown}; known: {sorted(known)}")


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise ProfileError(f"{where} must be a non-empty text, got {value!r}")
    return value


def _finite(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ProfileError(f"{where} must be a finite number, got {value!r}")
    try:
        number = float(value)
    except OverflowError:  # an integer of hundreds of digits
        number = math.inf
    if not math.isfinite(number):
        raise ProfileError(f"{where} must be a finite number, got {number}")
    return number


def _positive(value: Any, where: str) -> float:
    number = _finite(value, where)
    if number <= 0.0:
        raise ProfileError(f"{where} must be greater than 0, got {number}")
    return number
