"""A scene of the embedded arm with pictures of three goals, and parameters for a machine busy with other tests."""

from pathlib import Path

import cv2
import numpy as np

from wm_ros.robots.profile import load_profile
from wm_ros.runs.trials import Goals
from wm_ros.tasks.simulated import simulated

ARM = load_profile("arm")
SCENE = 1_000_000_007
PATIENT_PIPELINE = {"max_image_age_s": 5.0}
PATIENT_GUARD = {
    "max_observation_age_s": 5.0,
    "stop_hold_s": 2.0,
}  # in which a late plan lets the robot go on


def write_goals(folder: Path) -> list[np.ndarray]:
    """Make the folder with three goal pictures, and return where the joints are in them."""
    robot = simulated(ARM)
    there, poses = robot.simulator(SCENE).positions, []
    folder.mkdir()
    drawn = Goals(robot.task, robot.simulator(SCENE), 2)
    for number in range(3):
        there = drawn.draw(there)
        poses.append(there)
        cv2.imwrite(str(folder / f"{number}.png"), cv2.cvtColor(drawn.picture(there), cv2.COLOR_RGB2BGR))
    return poses
