"""Joint angles of the SO-101: where they put the tip, which of them touch nothing, and which are a task."""

from __future__ import annotations

from functools import cache

import mujoco
import numpy as np

from wm_ros.tasks.so101_scene import so101_model

JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")
ARM_JOINTS = 5  # the gripper's does not move the tip
TIP = "gripperframe"
CLEARANCE_M = 0.012  # to table and base; the links may come closer to each other
LIMIT_MARGIN_RAD = 0.1  # of starts and goals
# A goal: how far each joint is away at most, how near to the start the tip may be, poses looked at on the straight way.
AWAY_RAD, MIN_START_DISTANCE_M, ON_THE_WAY = 0.7, 0.08, 6


class Clearance:
    """Which joint angles are within their ranges and touch nothing. low, high: the ranges [6] rad."""

    def __init__(self) -> None:
        self._model = so101_model()
        self._data = mujoco.MjData(self._model)
        for name in ("table", "base"):
            self._model.geom(name).margin[:] = CLEARANCE_M
        self.low, self.high = self._model.jnt_range.T

    def __call__(self, positions: np.ndarray) -> bool:
        """Whether the arm may be at joint angles [6] rad."""
        if (positions < self.low).any() or (positions > self.high).any():
            return False
        self._data.qpos[:] = positions
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_collision(self._model, self._data)
        return bool(self._data.ncon == 0)


@cache
def clearance() -> Clearance:
    """That of this process: one thread at a time."""
    return Clearance()


def random_positions(generator: np.random.Generator) -> np.ndarray:
    """Joint angles [6] rad, uniform over those that touch nothing, less a margin to the ends of the ranges."""
    clear = clearance()
    while True:
        positions: np.ndarray = generator.uniform(clear.low + LIMIT_MARGIN_RAD, clear.high - LIMIT_MARGIN_RAD)
        if clear(positions):
            return positions


def draw_goal(generator: np.random.Generator, positions: np.ndarray) -> np.ndarray | None:
    """Joint angles [6] rad near those at `positions`; None when something is in the way or the tip hardly moves."""
    clear = clearance()
    low, high = clear.low + LIMIT_MARGIN_RAD, clear.high - LIMIT_MARGIN_RAD
    goal = (positions + generator.uniform(-AWAY_RAD, AWAY_RAD, size=len(JOINTS))).clip(low, high)
    apart, _ = errors(positions, goal)
    free = all(clear(between) for between in np.linspace(goal, positions, ON_THE_WAY, endpoint=False))
    return goal if free and apart >= MIN_START_DISTANCE_M else None


def errors(positions: np.ndarray, goal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Metres [...] from the tip at joint angles [..., 6] to that at a goal [6]; mean error of the arm's joints, rad."""
    apart = np.linalg.norm(tip_position(positions) - tip_position(goal), axis=-1)
    return apart, np.abs(positions - goal)[..., :ARM_JOINTS].mean(axis=-1)


def tip_position(positions: np.ndarray) -> np.ndarray:
    """The fixed jaw's tip [..., 3], metres in the frame of the base, for joint angles [..., 6] rad."""
    links, tip = _chain()
    point = np.broadcast_to(tip, (*positions.shape[:-1], 3))
    for joint in reversed(range(len(links))):
        offset, rotation = links[joint]
        cosine, sine = np.cos(positions[..., joint]), np.sin(positions[..., joint])
        x, y, z = point[..., 0], point[..., 1], point[..., 2]
        point = offset + np.stack([cosine * x - sine * y, sine * x + cosine * y, z], axis=-1) @ rotation.T
    return point


@cache
def _chain() -> tuple[list[tuple[np.ndarray, np.ndarray]], np.ndarray]:
    """Place [3] and rotation [3, 3] of each joint's link, which turns about its z; the tip [3] in the last link."""
    model, links = so101_model(), []
    for name in JOINTS[:ARM_JOINTS]:
        body, rotation = model.joint(name).bodyid[0], np.zeros(9)
        mujoco.mju_quat2Mat(rotation, model.body_quat[body])
        links.append((model.body_pos[body].copy(), rotation.reshape(3, 3)))
    return links, model.site(TIP).pos.copy()


def parts(positions: np.ndarray) -> dict[str, np.ndarray]:
    """The tip's place [S, 3] m, the joints of the arm [S, 5] and the gripper's [S, 1] rad, in states [S, 6]."""
    arm, gripper = positions[:, :ARM_JOINTS], positions[:, ARM_JOINTS:]
    return {"tip": tip_position(positions), "joints": arm, "gripper": gripper}
