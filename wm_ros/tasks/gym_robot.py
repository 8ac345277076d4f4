"""A Gymnasium environment as a simulated robot: its commands, its state, its pictures and its goals."""

from __future__ import annotations

from functools import partial
from typing import Any

import cv2
import numpy as np

from wm_ros.robots.profile import ProfileError, RobotProfile
from wm_ros.tasks.environment import Environment, no_goals_known
from wm_ros.tasks.environments import ENVIRONMENTS
from wm_ros.tasks.goals_ahead import GoalsAhead
from wm_ros.tasks.gym_make import make, timestep_s
from wm_ros.tasks.overview import CameraOverview
from wm_ros.tasks.protocol import SimulatedRobot, Task
from wm_ros.tasks.success import Criterion
from wm_ros.tasks.timestep import whole_steps
from wm_ros.tasks.wandering import wandering


def gym_robot(profile: RobotProfile) -> SimulatedRobot:
    """The robot of a profile's entry `simulator`; the environment itself is made with its simulator."""
    settings = profile.required_simulator
    environment = ENVIRONMENTS.get(settings.env.rpartition(":")[2], Environment())
    simulator = partial(GymSimulator, profile, environment)
    motion = environment.motion or wandering(environment.excursion)
    task, goals = None, environment.goals
    if goals is not None:
        ahead = GoalsAhead(simulator, partial(motion, profile), goals.is_task)
        task = Task(
            draw_start=ahead.draw_start,
            draw_goal=ahead.draw_goal,
            errors=goals.errors,
            rates=goals.rates,
            overview=partial(CameraOverview, simulator),
            criterion=Criterion(goals.radius_m, goals.heading_rad, hold_s=0.0, settle_s=5.0, limit_s=5.0),
            parts=goals.parts,
            way=ahead.way,
            coverage=goals.coverage,
        )
    return SimulatedRobot(
        name=profile.name,
        components=profile.names,
        simulator=simulator,
        motion=motion,
        excursion=environment.excursion,
        task=task,
        size=settings.size,
    )


class GymSimulator:
    """One environment in simulated time; the scene and start follow the seed, the rest the commands.

    It has no end: whatever the environment says of success or time, it goes on until it is reset.
    width, height: camera image in pixels, by default those of the profile.
    """

    focal_px = 0.0  # nobody knows the camera
    velocities = np.zeros(0)  # nor rates of the state

    def __init__(
        self,
        profile: RobotProfile,
        environment: Environment,
        seed: int = 0,
        width: int | None = None,
        height: int | None = None,
    ) -> None:
        settings = profile.required_simulator
        self._profile = profile
        self._env_id, self._environment = settings.env, environment
        self._env = make(profile, environment)
        self._size = width or settings.size, height or settings.size
        self.components = profile.names
        self.timestep_s = timestep_s(self._env, self._env_id, environment)
        self.reset(seed)
        names = profile.state_names
        if len(self.positions) != len(names):
            raise ProfileError(
                f"the state of simulator.env {self._env_id} has {len(self.positions)} numbers, but profile "
                f"{profile.name} names {len(names)} ({', '.join(names)}): name them in state.names"
            )

    def reset(self, seed: int) -> None:
        """Scene and start of this seed."""
        self.seed = seed
        self._steps = 0
        if self._environment.reset is not None:
            self._environment.reset(self._env, seed)
        else:
            self._observation, _ = self._env.reset(seed=seed)

    def place(self, positions: np.ndarray) -> None:
        """Be at rest in a state [P], in the same scene."""
        if self._environment.goals is None:
            raise no_goals_known(self._profile)
        self._environment.goals.place(self._env, positions)

    def step(self, velocity: np.ndarray, duration_s: float) -> None:
        """Hold the command [A] for `duration_s`, a multiple of the environment's step."""
        for _ in range(whole_steps(duration_s, self.timestep_s)):
            action = velocity
            if self._environment.action is not None:
                action = self._environment.action(self._env, velocity)
            space = self._env.action_space
            self._observation, *_ = self._env.step(np.asarray(action, dtype=space.dtype))
            self._steps += 1

    @property
    def time_s(self) -> float:
        """Simulated seconds since the reset."""
        return self._steps * self.timestep_s

    @property
    def positions(self) -> np.ndarray:
        """The state [P] as the environment's own file tells it, else what the environment observes."""
        if self._environment.state is not None:
            return self._environment.state(self._env)
        return _numbers(self._observation, self._env_id)

    def render(self) -> np.ndarray:
        """Camera image now, [height, width, 3] uint8 RGB."""
        if self._environment.picture is not None:
            return self._environment.picture(self._env, *self._size)
        picture = _require_picture(self._env.render(), self._env_id)
        return cv2.resize(picture, self._size, interpolation=cv2.INTER_AREA)


def _require_picture(picture: Any, env_id: str) -> np.ndarray:
    if isinstance(picture, np.ndarray) and picture.dtype == np.uint8 and picture.shape[2:] == (3,):
        return picture
    found = f"{picture.dtype} {picture.shape}" if isinstance(picture, np.ndarray) else type(picture).__name__
    raise ProfileError(f"simulator.env {env_id} renders {found}, and must [height, width, 3] of uint8")


def _numbers(observation: Any, env_id: str) -> np.ndarray:
    if isinstance(observation, np.ndarray) and observation.ndim == 1:
        return observation.astype(np.float64)
    raise ProfileError(
        f"simulator.env {env_id} observes {type(observation).__name__}, which is no list of numbers for the state's "
        "topic: register it with gymnasium.wrappers.FlattenObservation"
    )
