"""The simulated robot of a profile: the Gymnasium environment or embedded robot that it names, or the embedded one with
its actions."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import cast

from wm_ros.robots.components import EMBEDDED
from wm_ros.robots.profile import ProfileError, RobotProfile
from wm_ros.tasks.distractor import Distracted
from wm_ros.tasks.environment import no_goals_known
from wm_ros.tasks.gym_robot import gym_robot
from wm_ros.tasks.protocol import MakeSimulator, SimulatedRobot, Task


def simulated(profile: RobotProfile) -> SimulatedRobot:
    """The robot that obeys the actions of a profile; ProfileError names those there are."""
    robot, entry = _simulated(profile), profile.simulator
    if entry is None or not entry.distractor:
        return robot
    return replace(robot, simulator=cast(MakeSimulator, partial(Distracted, robot.simulator)))


def _simulated(profile: RobotProfile) -> SimulatedRobot:
    entry = profile.simulator
    if entry is not None and entry.embedded is None:
        if profile.other_cameras:
            raise ProfileError(
                f"Gymnasium environment {entry.env} shows one picture, and robot {profile.name!r} has "
                f"{len(profile.cameras)} cameras: give its profile an entry `camera`"
            )
        return gym_robot(profile)
    from wm_ros.tasks.embedded import ROBOTS  # needs MuJoCo, which not every environment does

    for robot in ROBOTS:
        fits = robot.components == profile.names and robot.cameras == len(profile.cameras)
        if fits and (entry is None or entry.embedded == robot.name):
            return robot
    seen_by = _seen_by(len(profile.cameras))
    named = f"simulator.env {entry.env} and actions" if entry else "actions"
    known = ", ".join(
        f"{EMBEDDED}{robot.name} ({', '.join(robot.components)}{_seen_by(robot.cameras)})" for robot in ROBOTS
    )
    raise ProfileError(
        f"there is no simulation of robot {profile.name!r} with {named} {', '.join(profile.names)}{seen_by}; known: "
        f"{known}; or name a Gymnasium environment in the profile's entry `simulator`"
    )


def _seen_by(cameras: int) -> str:
    return "" if cameras == 1 else f", {cameras} cameras"


def task_of(profile: RobotProfile, robot: SimulatedRobot) -> Task:
    """What is asked of a robot; ProfileError where nobody said what a goal is."""
    if robot.task is None:
        raise no_goals_known(profile)
    return robot.task
