"""The simulated robot of a profile: a Gymnasium environment that it names, or the embedded robot with its actions."""

from __future__ import annotations

from wm_ros.robots.profile import ProfileError, RobotProfile
from wm_ros.tasks.gym_robot import gym_robot
from wm_ros.tasks.protocol import SimulatedRobot, Task


def simulated(profile: RobotProfile) -> SimulatedRobot:
    """The robot that obeys the actions of a profile; ProfileError names those there are."""
    if profile.simulator is not None:
        return gym_robot(profile)
    from wm_ros.tasks.embedded import ROBOTS  # needs MuJoCo, which not every environment does

    for robot in ROBOTS:
        if robot.simulator.components == profile.names:
            return robot
    known = ", ".join(f"{robot.name} ({', '.join(robot.simulator.components)})" for robot in ROBOTS)
    raise ProfileError(
        f"there is no simulation of robot {profile.name!r} with actions {', '.join(profile.names)}; known: {known}; "
        "or name a Gymnasium environment in the profile's entry `simulator`"
    )


def task_of(profile: RobotProfile, robot: SimulatedRobot) -> Task:
    """What is asked of a robot; ProfileError where nobody said what a goal is."""
    if robot.task is None:
        raise ProfileError(
            f"no goals are known for simulator.env {profile.simulator.env} of profile {profile.name!r}: it can be "
            "driven and recorded only. Say in a file of wm_ros/tasks, as pusht_robot.py does, how its state is set and "
            "when a goal is reached"
        )
    return robot.task
