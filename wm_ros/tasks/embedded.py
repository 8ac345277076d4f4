"""The embedded robots side by side: for each its simulator, its tasks, and when it has arrived."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from wm_ros.robots.profile import ProfileError, RobotProfile
from wm_ros.tasks import arm, rover
from wm_ros.tasks.overview import ArmOverview, RoverOverview

Simulator = arm.Arm | rover.Rover
Overview = ArmOverview | RoverOverview


@dataclass(frozen=True)
class Embedded:
    """What data, evaluation and demo need to know of one robot.

    name: also of its profile. components: of the actions it obeys. simulator(seed, width, height): a scene.
    draw_start(generator): a pose [P]. draw_goal(generator, positions [P]): a pose that is a task from there, None when
    what was drawn is none. errors(positions [..., P], goal [P]): distances [...] m and headings [...] rad, None where
    they do not count. rates(before [S, P], after, seconds [S]): mean actions [S, A]. overview(seed, size): pictures
    for a bystander. excursion: bound of recorded motion. radius_m, heading_rad: within which a goal is reached.
    """

    name: str
    components: tuple[str, ...]
    simulator: Callable[..., Simulator]
    draw_start: Callable[[np.random.Generator], np.ndarray]
    draw_goal: Callable[[np.random.Generator, np.ndarray], np.ndarray | None]
    errors: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray | None]]
    rates: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
    overview: Callable[[int, int], Overview]
    excursion: float
    radius_m: float
    heading_rad: float = math.inf


ROBOTS = (
    Embedded(
        name="arm",
        components=arm.JOINTS,
        simulator=arm.Arm,
        draw_start=arm.random_positions,
        draw_goal=arm.draw_goal,
        errors=arm.errors,
        rates=arm.rates,
        overview=ArmOverview,
        excursion=3.0,
        radius_m=0.04,
    ),
    Embedded(
        name="rover",
        components=rover.COMPONENTS,
        simulator=rover.Rover,
        draw_start=rover.random_positions,
        draw_goal=rover.draw_goal,
        errors=rover.errors,
        rates=rover.rates,
        overview=RoverOverview,
        excursion=3.0,
        radius_m=0.25,
        heading_rad=math.radians(15.0),
    ),
)


def embedded(profile: RobotProfile) -> Embedded:
    """The embedded robot that obeys the actions of a profile; ProfileError names those there are."""
    for robot in ROBOTS:
        if robot.components == profile.names:
            return robot
    known = ", ".join(f"{robot.name} ({', '.join(robot.components)})" for robot in ROBOTS)
    raise ProfileError(
        f"there is no simulation of robot {profile.name!r} with actions {', '.join(profile.names)}; known: {known}"
    )
