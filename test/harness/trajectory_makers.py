"""Sets of the published protocols in small: trajectories in NWM's layout, and DROID as a LeRobot set."""

from __future__ import annotations

import pickle
from pathlib import Path

import cv2
import numpy as np

from wm_ros.robots.planar import path

EULER = ["x", "y", "z", "roll", "pitch", "yaw"]
CARTESIAN = "observation.state.cartesian_position"
JOINTS = {"axes": [*(f"joint_{number}" for number in range(7)), "gripper"]}


def write_trajectory(folder: Path, poses: np.ndarray, protocol: int | None = None) -> Path:
    """A folder as visualnav-transformer's process_recon.py writes it, with a picture and a pose (x, y, yaw) for each.

    poses [T, 3]; the grey of a picture is its number.
    """
    folder.mkdir(parents=True)
    data = {"position": poses[:, :2].copy(), "yaw": poses[:, 2].copy()}
    (folder / "traj_data.pkl").write_bytes(pickle.dumps(data, protocol))
    for number in range(len(poses)):
        cv2.imwrite(str(folder / f"{number}.jpg"), np.full((24, 32, 3), 10 * (number % 25), np.uint8))
    return folder


def drive(steps: int, seed: int = 0, turn: float = 0.2) -> np.ndarray:
    """Poses [steps + 1, 3] of a base that goes .1 to .3 m ahead and turns by up to `turn` a step, from anywhere."""
    draw = np.random.default_rng(seed)
    motions = np.stack(
        [draw.uniform(0.1, 0.3, steps), np.zeros(steps), draw.uniform(-turn, turn, steps)], axis=1
    )
    start = draw.uniform(-3.0, 3.0, 3)
    along = path(motions)
    cosine, sine = np.cos(start[2]), np.sin(start[2])
    x, y = along[:, 0], along[:, 1]
    return np.stack(
        [start[0] + cosine * x - sine * y, start[1] + sine * x + cosine * y, start[2] + along[:, 2]], axis=1
    )


def write_trajectories(root: Path, count: int, steps: int) -> Path:
    """A folder of so many of them."""
    for number in range(count):
        write_trajectory(root / f"jackal_{number}_r00", drive(steps, number))
    return root


def write_droid(
    root: Path,
    frames: list[np.ndarray],
    poses: list[np.ndarray],
    version: str = "v3.0",
    rate: int = 12,
    names: object = None,
    feature: str = CARTESIAN,
) -> Path:
    """As lerobot/droid_1.0.1: joints as the state, and beneath it the poses [R, 6] of each episode."""
    from video_makers import write_lerobot

    joints = [np.zeros((len(walk), 8)) for walk in poses]
    states = {"observation.state": (JOINTS, joints), feature: (names or {"axes": EULER}, poses)}
    return write_lerobot(root, version, frames, joints, JOINTS, rate=rate, states=states)
