"""Makes a Gymnasium environment that can be a robot, or says what to do about one that cannot."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

import numpy as np

from wm_ros.robots.profile import ProfileError, RobotProfile
from wm_ros.tasks.environment import Environment

# No window opens and nothing greets: before pygame or MuJoCo is imported. What is set already stays.
HEADLESS = {"SDL_VIDEODRIVER": "dummy", "PYGAME_HIDE_SUPPORT_PROMPT": "1", "MUJOCO_GL": "egl"}


def make(profile: RobotProfile, environment: Environment) -> Any:
    """The environment of a profile; ProfileError when it is not installed, shows nothing or takes other actions."""
    for name, value in HEADLESS.items():
        os.environ.setdefault(name, value)
    env_id = profile.simulator.env
    try:
        import gymnasium
    except ImportError as error:
        raise ProfileError(
            f"simulator.env {env_id} needs gymnasium, which is not installed ({error}): {environment.install}"
        ) from error
    module, _, name = env_id.rpartition(":")
    try:
        import_module(module or name.partition("/")[0]) if module or "/" in name else None
    except ImportError as error:
        raise ProfileError(
            f"simulator.env {env_id} is not installed ({error}): {environment.install}; or write MODULE:{name} "
            "where another module makes it known"
        ) from error
    try:
        # A robot has no end of its episode. Checks of the environment are for those who write it.
        env = gymnasium.make(
            name,
            render_mode="rgb_array",
            max_episode_steps=-1,
            disable_env_checker=True,
            **environment.options,
        )
    except (gymnasium.error.Error, TypeError, ValueError, ImportError) as error:
        raise ProfileError(f"simulator.env {env_id} cannot be made: {error}") from error
    _require_pictures(env, env_id)
    _require_action(env, profile, environment)
    return env


def timestep_s(env: Any, env_id: str) -> float:
    """Seconds between two steps of an environment, by its frames per second."""
    rate = env.metadata.get("render_fps")
    if not rate:
        raise ProfileError(
            f"simulator.env {env_id} does not say how long a step takes: its metadata need `render_fps`, steps a second"
        )
    return 1.0 / float(rate)


def _require_pictures(env: Any, env_id: str) -> None:
    modes = env.metadata.get("render_modes", [])
    if "rgb_array" not in modes or env.render_mode != "rgb_array":
        raise ProfileError(
            f"simulator.env {env_id} shows no pictures: its render modes are {list(modes)}, and a robot here is seen "
            "through `rgb_array`. Take an environment that has it"
        )


def _require_action(env: Any, profile: RobotProfile, environment: Environment) -> None:
    space, env_id = env.action_space, profile.simulator.env
    if type(space).__name__ != "Box" or len(space.shape) != 1:
        raise ProfileError(
            f"simulator.env {env_id} takes actions {space}, and a profile's are one Box of numbers: register it with a "
            "wrapper such as gymnasium.wrappers.TransformAction that makes one of them"
        )
    if space.shape != (len(profile.action),):
        raise ProfileError(
            f"simulator.env {env_id} takes {space.shape[0]} numbers, but profile {profile.name} has "
            f"{len(profile.action)} action components ({', '.join(profile.names)}): give one component for each"
        )
    if environment.action is not None:
        return
    for component, low, high in zip(profile.action, space.low.tolist(), space.high.tolist(), strict=True):
        if component.min < low - 1e-6 or component.max > high + 1e-6:
            raise ProfileError(
                f"simulator.env {env_id} takes {low:g} to {high:g} where profile {profile.name} allows "
                f"{component.name} {component.min:g} to {component.max:g}: keep min and max within the former"
            )


def require_picture(picture: Any, env_id: str) -> np.ndarray:
    """A picture [H, W, 3] uint8, or ProfileError."""
    if isinstance(picture, np.ndarray) and picture.dtype == np.uint8 and picture.shape[2:] == (3,):
        return picture
    what = f"{picture.dtype} {picture.shape}" if isinstance(picture, np.ndarray) else type(picture).__name__
    raise ProfileError(f"simulator.env {env_id} renders {what}, and must [height, width, 3] of uint8")
