"""The embedded robots side by side: for each its simulator, its tasks, and when it has arrived."""

from __future__ import annotations

import math
from functools import partial

from wm_ros.tasks import arm, arm_two_cameras, pusher, rover, so101, so101_poses
from wm_ros.tasks.goals_ahead import GoalsAhead
from wm_ros.tasks.overview import CameraOverview, RoverOverview
from wm_ros.tasks.protocol import SimulatedRobot, Task
from wm_ros.tasks.so101_motion import Roaming
from wm_ros.tasks.success import Criterion
from wm_ros.tasks.table_arm import JOINTS
from wm_ros.tasks.wandering import wandering

EXCURSION = 3.0
_REACHES = Task(
    draw_start=arm.random_positions,
    draw_goal=arm.draw_goal,
    errors=arm.errors,
    rates=arm.rates,
    overview=partial(CameraOverview, arm.Arm),
    criterion=Criterion(radius_m=0.04),
    parts=arm.parts,
)
_PUSHES = GoalsAhead(pusher.PusherArm, pusher.goal_motion, pusher.puck_must_move)

ROBOTS = (
    SimulatedRobot(
        name="arm",
        components=JOINTS,
        simulator=arm.Arm,
        motion=wandering(EXCURSION),
        excursion=EXCURSION,
        task=_REACHES,
    ),
    SimulatedRobot(
        name="arm_two_cameras",
        components=JOINTS,
        simulator=arm_two_cameras.ArmTwoCameras,
        motion=wandering(EXCURSION),
        excursion=EXCURSION,
        task=_REACHES,
        cameras=arm_two_cameras.CAMERAS,
    ),
    SimulatedRobot(
        name="rover",
        components=rover.COMPONENTS,
        simulator=rover.Rover,
        motion=wandering(EXCURSION),
        excursion=EXCURSION,
        task=Task(
            draw_start=rover.random_positions,
            draw_goal=rover.draw_goal,
            errors=rover.errors,
            rates=rover.rates,
            overview=RoverOverview,
            criterion=Criterion(radius_m=0.25, heading_rad=math.radians(15.0)),
            parts=rover.parts,
        ),
    ),
    SimulatedRobot(
        name="pusher",
        components=JOINTS,
        simulator=pusher.PusherArm,
        motion=pusher.pushes,
        excursion=EXCURSION,
        task=Task(
            draw_start=_PUSHES.draw_start,
            draw_goal=_PUSHES.draw_goal,
            errors=pusher.errors,
            rates=pusher.rates,
            overview=partial(CameraOverview, pusher.PusherArm),
            criterion=Criterion(radius_m=0.03),
            parts=pusher.parts,
            way=_PUSHES.way,
        ),
    ),
    SimulatedRobot(
        name="so101",
        components=so101_poses.JOINTS,
        simulator=so101.SO101,
        motion=Roaming,
        excursion=EXCURSION,
        task=Task(
            draw_start=so101_poses.random_positions,
            draw_goal=so101_poses.draw_goal,
            errors=so101_poses.errors,
            rates=arm.rates,
            overview=partial(CameraOverview, so101.SO101),
            criterion=Criterion(radius_m=0.03),
            parts=so101_poses.parts,
        ),
        size=so101.SIZE,
    ),
)
