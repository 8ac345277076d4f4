"""The simulated robot of a profile: the Gymnasium environment or embedded robot that it names, or the embedded one with
its actions."""

from __future__ import annotations

from wm_ros.robots.profile import ProfileError, RobotProfile
from wm_ros.tasks.environment import no_goals_known
from wm_ros.tasks.gym_robot import gym_robot
from wm_ros.tasks.protocol import SimulatedRobot, Task

EMBEDDED = "wm_ros/"  # before the name of an embedded robot in a profile's simulator.env


def simulated(profile: RobotProfile) -> SimulatedRobot:
    """The robot that obeys the actions of a profile; ProfileError names those there are."""
    env = "" if profile.simulator is None else profile.simulator.env
    if env and not env.startswith(EMBEDDED):
        return gym_robot(profile)
    from wm_ros.tasks.embedded import ROBOTS  # needs MuJoCo, which not every environment does

    for robot in ROBOTS:
        if robot.components == profile.names and env in ("", EMBEDDED + robot.name):
            return robot
    known = ", ".join(f"{robot.name} ({', '.join(robot.components)})" for robot in ROBOTS)
    raise ProfileError(
        f"there is no simulation of robot {profile.name!r} with actions {', '.join(profile.names)}; known: {known}; "
        "or name a Gymnasium environment in the profile's entry `simulator`"
    )


def task_of(profile: RobotProfile, robot: SimulatedRobot) -> Task:
    """What is asked of a robot; ProfileError where nobody said what a goal is."""
    if robot.task is None:
        raise no_goals_known(profile)
    return robot.task
