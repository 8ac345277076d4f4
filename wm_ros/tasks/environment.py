"""What a Gymnasium environment's own file says of it, so that it can be driven, judged and shown like a robot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from wm_ros.robots.profile import ProfileError, RobotProfile
from wm_ros.tasks.protocol import Motion


@dataclass(frozen=True)
class Goals:
    """How states are set and judged. place(env, state [P]): at rest there.

    is_task(start, goal): whether there is something to do between states that recorded motion leads through. The rest
    as of Task and Criterion.
    """

    place: Callable[[Any, np.ndarray], None]
    is_task: Callable[[np.ndarray, np.ndarray], bool]
    errors: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray | None]]
    rates: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray] | None
    radius_m: float
    heading_rad: float
    parts: Callable[[np.ndarray], Mapping[str, np.ndarray]]
    coverage: Callable[[np.ndarray, np.ndarray], float] | None = None


@dataclass(frozen=True)
class Environment:
    """How one environment becomes a robot. What is not given serves an environment that nobody said anything about.

    install: how to get it, for error messages. options: of gymnasium.make. action(env, command [A]): what is given to
    its `step`; None: the command itself. reset(env, seed); None: its own. state(env) [P]; None: the observation.
    picture(env, width, height); None: what `render` shows, shrunk. timestep_s(env); None: by its frames per second.
    motion: how it moves when it is recorded; None: at random, bounded by `excursion`. goals: None where it can only be
    driven and recorded.
    """

    install: str = "pip install 'wm_ros[tasks]'"
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    action: Callable[[Any, np.ndarray], np.ndarray] | None = None
    reset: Callable[[Any, int], Any] | None = None
    state: Callable[[Any], np.ndarray] | None = None
    picture: Callable[[Any, int, int], np.ndarray] | None = None
    timestep_s: Callable[[Any], float] | None = None
    motion: Callable[[RobotProfile, np.random.Generator], Motion] | None = None
    excursion: float = 3.0
    goals: Goals | None = None


def no_goals_known(profile: RobotProfile) -> ProfileError:
    """That nobody said what a goal is to the environment of a profile."""
    return ProfileError(
        f"no goals are known for simulator.env {profile.required_simulator.env} of profile {profile.name!r}: it can be "
        "driven and recorded only. Say in a file of wm_ros/tasks, as pusht_robot.py does, how its state is set and "
        "when a goal is reached"
    )
