"""Recorded motion of a robot that has nothing to push: bounded random rates, wherever it is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from wm_ros.data.exploration import Exploration
from wm_ros.robots.profile import RobotProfile
from wm_ros.tasks.protocol import Motion


def wandering(excursion: float) -> Callable[[RobotProfile, np.random.Generator], Motion]:
    """Motion within an excursion, for SimulatedRobot."""

    def motion(profile: RobotProfile, generator: np.random.Generator) -> Motion:
        explore = Exploration(profile, generator, excursion)
        return lambda positions, dt: explore.step(dt)

    return motion
