"""Makes a Gymnasium environment that can be a robot, or says what to do about one that cannot."""

from __future__ import annotations

import os
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from wm_ros.robots.profile import ProfileError, RobotProfile
from wm_ros.tasks.environment import Environment

# No window opens and nothing greets; read when pygame or MuJoCo is imported. What is set already stays.
HEADLESS = {"SDL_VIDEODRIVER": "dummy", "PYGAME_HIDE_SUPPORT_PROMPT": "1", "MUJOCO_GL": "egl"}


def make(profile: RobotProfile, environment: Environment) -> Any:
    """The environment of a profile; ProfileError when it is not installed, shows nothing or takes other actions."""
    for name, value in HEADLESS.items():
        os.environ.setdefault(name, value)
    env_id = profile.required_simulator.env
    env = _make(env_id, environment)
    _require_pictures(env, env_id)
    _require_action(env, profile, environment)
    return env


def timestep_s(env: Any, env_id: str, environment: Environment) -> float:
    """Seconds between two steps: as the environment's own file says, else by its frames per second."""
    if environment.timestep_s is not None:
        return environment.timestep_s(env)
    rate = env.metadata.get("render_fps")
    if not rate:
        raise ProfileError(
            f"simulator.env {env_id} does not say how long a step takes: its metadata need `render_fps`, steps a second"
        )
    return 1.0 / float(rate)


def _make(env_id: str, environment: Environment) -> Any:
    module, _, name = env_id.rpartition(":")
    package = name.rpartition("/")[0]  # packages are often called as the namespace of their environments
    try:
        import gymnasium

        if module or (package and find_spec(package)):
            import_module(module or package)
    except ImportError as error:
        raise ProfileError(
            f"simulator.env {env_id} is not installed ({error}): {environment.install}"
        ) from error
    try:
        # A robot has no end of its episode. Checks of the environment are for those who write it.
        return gymnasium.make(
            name,
            render_mode="rgb_array",
            max_episode_steps=-1,
            disable_env_checker=True,
            **environment.options,
        )
    except (ImportError, gymnasium.error.UnregisteredEnv) as error:
        raise ProfileError(
            f"simulator.env {env_id} is not installed ({error}): {environment.install}; "
            f"or write MODULE:{name}, where it is a module that makes it known"
        ) from error
    except (gymnasium.error.Error, TypeError, ValueError) as error:
        raise ProfileError(f"simulator.env {env_id} cannot be made: {error}") from error


def _require_pictures(env: Any, env_id: str) -> None:
    modes = list(env.metadata.get("render_modes", []))
    if "rgb_array" not in modes:
        raise ProfileError(
            f"simulator.env {env_id} shows no pictures: its render modes are {modes}, and a robot here is seen through "
            "`rgb_array`. Take an environment that has it"
        )


def _require_action(env: Any, profile: RobotProfile, environment: Environment) -> None:
    space, env_id = env.action_space, profile.required_simulator.env
    if type(space).__name__ != "Box" or len(space.shape) != 1:
        raise ProfileError(
            f"simulator.env {env_id} takes {space}, and a robot's action is one Box of numbers in a row: register the "
            "environment with a wrapper that makes one of it, such as gymnasium.wrappers.TransformAction"
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
