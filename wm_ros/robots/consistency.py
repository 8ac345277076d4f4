"""Whether the entries of a profile fit each other: kinds of the components, command, leash and state."""

from __future__ import annotations

from wm_ros.robots.components import ActionComponent, Command, State
from wm_ros.robots.yaml_fields import ProfileError, require_text

Action = tuple[ActionComponent, ...]

# Measured joint positions.
JOINT_STATE_TYPE = "sensor_msgs/msg/JointState"
# A command of this type is a pose of the end effector, and its action the rates of one.
POSE_TYPE = "geometry_msgs/msg/PoseStamped"
POSE_RATES = (
    *((name, "m/s") for name in ("x", "y", "z")),
    *((name, "rad/s") for name in ("roll", "pitch", "yaw")),
)


def require_consistent(action: Action, command: Command, state: State | None, actions_from: str) -> None:
    """Raise ProfileError unless the commands are all rates, all joint positions, or a pose, and have what they need."""
    kinds = {part.kind for part in action}
    if command.type == POSE_TYPE:
        _require_pose(action, command, state)
    elif "pose" in kinds:
        raise ProfileError(f"action of kind pose is for commands of type {POSE_TYPE}, not {command.type}")
    elif "velocity" in kinds:
        _require_velocities(action, command)
    else:
        _require_positions(action, command, state)
    if actions_from == "states":
        _require_states(action, state)


def _require_velocities(action: Action, command: Command) -> None:
    others = [part.name for part in action if part.kind != "velocity"]
    if others:
        raise ProfileError(
            f"one command holds velocities or positions, not both: {', '.join(others)} are told positions"
        )
    if command.leash is not None:
        raise ProfileError(
            f"command.leash is for commands that are targets: of type {POSE_TYPE}, or of the kind position"
        )
    _require_fields(action)


def _require_positions(action: Action, command: Command, state: State | None) -> None:
    _require_fields(action)
    leash = command.leash
    if leash is None:
        raise ProfileError(
            "command.leash must say {max_age_s: ...}, how old the measured joint positions may be, for a robot that is "
            "told positions"
        )
    if leash.position_m is not None or leash.rotation_rad is not None:
        raise ProfileError(
            "command.leash of joints has max_age_s alone: each has its own leash in its `target`"
        )
    _require_joint_states(action, state, "where the robot tells its measured joint positions")


def _require_pose(action: Action, command: Command, state: State | None) -> None:
    found = tuple((part.name, part.unit) for part in action)
    if found != POSE_RATES or {part.kind for part in action} != {"pose"}:
        raise ProfileError(
            f"the action of a robot that takes poses must be {list(POSE_RATES)}, got {list(found)}"
        )
    for index, part in enumerate(action):
        if part.field:
            raise ProfileError(
                f"action[{index}].field must be left out, got {part.field!r}: a pose has no place for a rate"
            )
    leash = command.leash
    if leash is None or leash.position_m is None or leash.rotation_rad is None:
        raise ProfileError(
            f"command.leash must say max_age_s, position_m and rotation_rad for commands of type {POSE_TYPE}"
        )
    if state is None or state.type != POSE_TYPE:
        raise ProfileError(
            f"state must be of type {POSE_TYPE}, where the robot tells its measured pose, got {state}"
        )


def _require_states(action: Action, state: State | None) -> None:
    """For actions that are read from measured states: a state that tells the positions behind the rates."""
    if state is not None and state.type == POSE_TYPE:
        found = tuple((part.name, part.unit) for part in action)
        if found != POSE_RATES:
            raise ProfileError(
                f"model.actions_from: states, of a pose, needs the action {list(POSE_RATES)}, got {list(found)}"
            )
        return
    _require_joint_states(action, state, "for model.actions_from: states")


def _require_joint_states(action: Action, state: State | None, why: str) -> None:
    if state is None or state.type != JOINT_STATE_TYPE:
        raise ProfileError(f"state must be of type {JOINT_STATE_TYPE}, {why}, got {state}")
    missing = [part.name for part in action if state.names and part.name not in state.names]
    if missing:
        raise ProfileError(f"state.names lacks {', '.join(missing)}, which the action moves")


def _require_fields(action: Action) -> None:
    for index, part in enumerate(action):
        require_text(part.field or None, f"action[{index}].field")
