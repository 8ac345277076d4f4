"""Reacher of dm_control as a robot: two joints in a plane, driven by torques; the goal is where the fingertip is.

The red ball of the environment's own task is part of the scene, which differs by seed.
"""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import Any

import numpy as np

from wm_ros.tasks.environment import Environment, Goals

UPPER_M = HAND_M = 0.12
# As large as the target of `reacher-easy`.
RADIUS_M = 0.05
MIN_DISTANCE_M = 0.10
# They cost most of a picture and show nothing new.
FLAGS = {"shadow": False, "reflection": False}


def state(env: Any) -> np.ndarray:
    """Joint angles [2], rad."""
    angles: np.ndarray = _physics(env).data.qpos.copy()
    return angles


def place(env: Any, positions: np.ndarray) -> None:
    """Stand still at joint angles [2] rad."""
    physics = _physics(env)
    with physics.reset_context():
        physics.data.qpos[:] = positions
        physics.data.qvel[:] = 0.0


def picture(env: Any, width: int, height: int) -> np.ndarray:
    """The plane from above [height, width, 3] uint8."""
    drawn: np.ndarray = _physics(env).render(height, width, camera_id=0, render_flag_overrides=FLAGS)
    return drawn


def timestep_s(env: Any) -> float:
    """Seconds for which an action holds; the environment's metadata name another rate."""
    return float(env.unwrapped._env.control_timestep())


def tip_position(positions: np.ndarray) -> np.ndarray:
    """Fingertip [..., 2] m at joint angles [..., 2] rad."""
    upper, hand = positions[..., 0], positions[..., 0] + positions[..., 1]
    x = UPPER_M * np.cos(upper) + HAND_M * np.cos(hand)
    return np.stack([x, UPPER_M * np.sin(upper) + HAND_M * np.sin(hand)], axis=-1)


def errors(positions: np.ndarray, goal: np.ndarray) -> tuple[np.ndarray, None]:
    """Metres [...] from the fingertip at joint angles [..., 2] to that at the goal [2]; no heading counts."""
    return np.linalg.norm(tip_position(positions) - tip_position(goal), axis=-1), None


def tip_must_move(start: np.ndarray, goal: np.ndarray) -> bool:
    """Whether the fingertip is far enough from the goal's for that to be a task."""
    return bool(errors(start, goal)[0] >= MIN_DISTANCE_M)


def _physics(env: Any) -> Any:
    return env.unwrapped._env.physics


REACHER = Environment(
    install=(
        "pip install 'wm_ros[reacher]' in an environment of its own, as dm_control needs mujoco 3, and "
        "apt-get install libegl1 libgl1-mesa-dri"
    ),
    # The environment would start again by itself.
    options=MappingProxyType({"task_kwargs": {"time_limit": math.inf}}),
    state=state,
    picture=picture,
    timestep_s=timestep_s,
    goals=Goals(
        place=place,
        is_task=tip_must_move,
        errors=errors,
        rates=None,  # torques: the way between two states does not tell them
        radius_m=RADIUS_M,
        heading_rad=math.inf,
        parts=lambda positions: {"fingertip": tip_position(positions)},
    ),
)
