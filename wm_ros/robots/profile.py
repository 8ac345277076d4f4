"""Robot profile: one YAML that says what an action vector means, its bounds and its topics."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
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
    SimulatorEntry,
    State,
    read_cameras,
    read_command,
    read_component,
    read_gripper,
    read_simulator,
    read_state,
)
from wm_ros.robots.consistency import POSE_TYPE, require_consistent
from wm_ros.robots.yaml_fields import (
    ProfileError,
    reject_unknown,
    require_mapping,
    require_positive,
    require_text,
)

# What training takes for the actions of a recording: what the robot was told, or what it did.
ACTIONS_FROM = ("commands", "states")


@dataclass(frozen=True)
class RobotProfile:
    """What a robot's action vector means: A components in SI units with limits, and the topics they use.

    actions_from: what training takes for the actions of a recording, the `commands`, or the measured `states`.
    camera: the only one, or the first of `cameras`, in whose order their pictures stand side by side.
    frame_tolerance_s: frames of several cameras whose stamps are farther apart are of different moments; None: half a
    model step.
    """

    name: str
    action: tuple[ActionComponent, ...]
    command: Command
    model_rate_hz: float
    camera: Camera = field(default_factory=Camera)
    state: State | None = None
    gripper: Gripper | None = None
    simulator: SimulatorEntry | None = None
    actions_from: str = "commands"
    other_cameras: tuple[Camera, ...] = ()
    frame_tolerance_s: float | None = None

    @property
    def cameras(self) -> tuple[Camera, ...]:
        """All of them: at least one."""
        return (self.camera, *self.other_cameras)

    @property
    def cameras_move(self) -> bool:
        """Whether every camera rides on the robot, so that nothing in the pictures stands still."""
        return all(camera.moves for camera in self.cameras)

    @property
    def frames_apart_s(self) -> float:
        """The most by which stamps of frames of one moment differ."""
        return 0.5 * self.model_dt if self.frame_tolerance_s is None else self.frame_tolerance_s

    @property
    def kind(self) -> str:
        """What commands are: `velocity`; `position`, of joints and grippers; or `pose`. The action is a rate always."""
        kind = self.action[0].kind
        return "position" if kind == "gripper" else kind

    @property
    def learns_from_places(self) -> bool:
        """Whether training finds actions as the rates between recorded places: targets, or measured states."""
        return self.kind != "velocity" or self.actions_from == "states"

    @property
    def places_are_poses(self) -> bool:
        """Whether the places that training finds actions between are poses of an end effector, not joint positions."""
        if self.actions_from == "states":
            return self.required_state.type == POSE_TYPE
        return self.kind == "pose"

    @property
    def action_source(self) -> str:
        """Where training finds the actions of a recording, for people."""
        if self.actions_from == "states":
            return f"measured states on {self.required_state.topic}"
        return f"{'command' if self.kind == 'velocity' else 'target'}s on {self.command.topic}"

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
        data["action"] = [_component_data(component) for component in self.action]
        leash = data["command"]["leash"]
        data["command"]["leash"] = leash and _without_empty(leash)
        data["command"] = _without_empty(data["command"])
        data["state"] = data["state"] and _without_empty(data["state"])
        first, others = _without_empty(data.pop("camera")), data.pop("other_cameras")
        if first.get("name"):
            data["cameras"] = [first, *others]
        else:
            data["camera"] = first
        data["model"] = {"rate_hz": data.pop("model_rate_hz")}
        if (tolerance_s := data.pop("frame_tolerance_s")) is not None:
            data["model"]["frame_tolerance_s"] = tolerance_s
        if (actions_from := data.pop("actions_from")) != "commands":
            data["model"]["actions_from"] = actions_from
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
        data,
        {"name", "camera", "cameras", "command", "state", "gripper", "simulator", "model", "action"},
        "profile",
    )
    components = data.get("action")
    if not isinstance(components, list) or not components:
        raise ProfileError(f"action must be a list with at least one component, got {components!r}")
    command = read_command(require_mapping(data.get("command"), "command"))
    action = tuple(read_component(entry, index) for index, entry in enumerate(components))
    if command.type == POSE_TYPE and not {part.kind for part in action} - {"velocity", "pose"}:
        action = tuple(replace(part, kind="pose") for part in action)  # nothing else is in such a message
    names = [component.name for component in action]
    if len(set(names)) != len(names):
        raise ProfileError(f"action names must differ, got {names}")
    model = require_mapping(data.get("model"), "model")
    reject_unknown(model, {"rate_hz", "actions_from", "frame_tolerance_s"}, "model")
    actions_from = model.get("actions_from", "commands")
    if actions_from not in ACTIONS_FROM:
        raise ProfileError(f"model.actions_from must be {' or '.join(ACTIONS_FROM)}, got {actions_from!r}")
    camera, *others = read_cameras(data)
    tolerance_s = model.get("frame_tolerance_s")
    if tolerance_s is not None:
        tolerance_s = require_positive(tolerance_s, "model.frame_tolerance_s")
        if not others:
            raise ProfileError("model.frame_tolerance_s is for several cameras, and this robot has one")
    profile = RobotProfile(
        name=require_text(data.get("name"), "name"),
        action=action,
        command=command,
        model_rate_hz=require_positive(model.get("rate_hz"), "model.rate_hz"),
        camera=camera,
        other_cameras=tuple(others),
        frame_tolerance_s=tolerance_s,
        state=read_state(data.get("state")),
        gripper=read_gripper(data.get("gripper")),
        simulator=read_simulator(data.get("simulator")),
        actions_from=actions_from,
    )
    require_consistent(profile.action, profile.command, profile.state, profile.actions_from)
    return profile


def differences(trained: RobotProfile, used: RobotProfile) -> list[str]:
    """What in `used` contradicts the profile a model was trained with; topics and rates of messages may differ."""
    found = []
    if trained.model_rate_hz != used.model_rate_hz:
        found.append(f"model.rate_hz {trained.model_rate_hz} against {used.model_rate_hz}")
    if (seen := _camera_names(trained)) != (given := _camera_names(used)):
        found.append(f"cameras {seen} against {given}")
    if trained.names != used.names:
        return [*found, f"action names {list(trained.names)} against {list(used.names)}"]
    for before, after in zip(trained.action, used.action, strict=True):
        for key in ("unit", "min", "max"):
            if getattr(before, key) != getattr(after, key):
                found.append(f"{before.name}.{key} {getattr(before, key)} against {getattr(after, key)}")
    return found


def _camera_names(profile: RobotProfile) -> str:
    """Which views a model of this robot has, in their order; what an only camera is called does not matter."""
    return ", ".join(camera.name for camera in profile.cameras) if profile.other_cameras else "one"


def _component_data(component: ActionComponent) -> dict[str, Any]:
    data = asdict(component)
    data["target"] = component.target and _without_empty(data["target"])
    if component.kind == "velocity":
        del data["kind"]
    return _without_empty(data)


def _without_empty(data: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if value not in (None, "", ())}
