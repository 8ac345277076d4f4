"""Robot profile: one YAML that says what an action vector means, its bounds and its topics."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from wm_ros.resources import share_dir
from wm_ros.robots.components import (
    ActionComponent,
    Camera,
    Command,
    Gripper,
    Leash,
    SimulatorEntry,
    State,
    read_camera,
    read_command,
    read_component,
    read_gripper,
    read_simulator,
    read_state,
)
from wm_ros.robots.yaml_fields import (
    ProfileError,
    reject_unknown,
    require_mapping,
    require_positive,
    require_text,
)

# A command of this type is a pose of the end effector, and its action the rates of one.
POSE_TYPE = "geometry_msgs/msg/PoseStamped"
POSE_RATES = (
    *((name, "m/s") for name in ("x", "y", "z")),
    *((name, "rad/s") for name in ("roll", "pitch", "yaw")),
)


@dataclass(frozen=True)
class RobotProfile:
    """What a robot's action vector means: A components in SI units with limits, and the topics they use."""

    name: str
    action: tuple[ActionComponent, ...]
    command: Command
    model_rate_hz: float
    camera: Camera = field(default_factory=Camera)
    state: State | None = None
    gripper: Gripper | None = None
    simulator: SimulatorEntry | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(component.name for component in self.action)

    @property
    def state_names(self) -> tuple[str, ...]:
        """Names of what a JointState with the robot's state tells."""
        return (self.state and self.state.names) or self.names

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
    def required_state(self) -> State:
        """The state topic; ProfileError without one."""
        if self.state is None:
            raise ProfileError(
                f"profile {self.name} needs an entry `state`: on which topic and of which type the robot's state is"
            )
        return self.state

    @property
    def required_simulator(self) -> SimulatorEntry:
        """The Gymnasium environment that is this robot; ProfileError without one."""
        if self.simulator is None:
            raise ProfileError(
                f"profile {self.name} needs an entry `simulator`: which Gymnasium environment is this robot"
            )
        return self.simulator

    @property
    def model_dt(self) -> float:
        """Seconds between two model steps."""
        return 1.0 / self.model_rate_hz

    def to_dict(self) -> dict[str, Any]:
        """The profile as plain YAML/JSON data; `profile_from_dict` is the way back."""
        data = asdict(self)
        data["action"] = [_without_empty(asdict(component)) for component in self.action]
        data["command"] = _without_empty(data["command"])
        data["state"] = data["state"] and _without_empty(data["state"])
        data["model"] = {"rate_hz": data.pop("model_rate_hz")}
        return _without_empty(data)

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
    data = require_mapping(data, "profile")
    reject_unknown(
        data, {"name", "camera", "command", "state", "gripper", "simulator", "model", "action"}, "profile"
    )
    components = data.get("action")
    if not isinstance(components, list) or not components:
        raise ProfileError(f"action must be a list with at least one component, got {components!r}")
    action = tuple(read_component(entry, index) for index, entry in enumerate(components))
    names = [component.name for component in action]
    if len(set(names)) != len(names):
        raise ProfileError(f"action names must differ, got {names}")
    model = require_mapping(data.get("model"), "model")
    reject_unknown(model, {"rate_hz"}, "model")
    profile = RobotProfile(
        name=require_text(data.get("name"), "name"),
        action=action,
        command=read_command(require_mapping(data.get("command"), "command")),
        model_rate_hz=require_positive(model.get("rate_hz"), "model.rate_hz"),
        camera=read_camera(data.get("camera", {})),
        state=read_state(data.get("state")),
        gripper=read_gripper(data.get("gripper")),
        simulator=read_simulator(data.get("simulator")),
    )
    _require_fields(profile)
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


def _require_fields(profile: RobotProfile) -> None:
    """Raise ProfileError unless every component has its place in the command, or all are the rates of a pose."""
    if profile.command.type != POSE_TYPE:
        if profile.command.leash is not None:
            raise ProfileError(
                f"command.leash is for commands of type {POSE_TYPE}, not {profile.command.type}"
            )
        for index, component in enumerate(profile.action):
            require_text(component.field or None, f"action[{index}].field")
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


def _without_empty(data: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if value not in (None, "", ())}
