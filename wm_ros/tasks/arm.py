"""The embedded arm: velocity-controlled joints on a table, seen by a ray-cast camera."""

from __future__ import annotations

import mujoco
import numpy as np

from wm_ros.tasks import scene
from wm_ros.tasks.camera import RayCamera
from wm_ros.tasks.table_arm import TableArm

# Goals and starts stay this far from the mechanical stops.
LIMIT_MARGIN_RAD = 0.15
# A goal nearer than this is no task.
MIN_START_DISTANCE_M = 0.10


class Arm(TableArm):
    """Physics and camera of one arm in one scene; the scene follows the seed, the motion the commands.

    width, height: camera image in pixels.
    """

    def __init__(self, seed: int = 0, width: int = 64, height: int = 64) -> None:
        self._camera = RayCamera(
            scene.CAMERA_POSITION_M, scene.CAMERA_TARGET_M, scene.CAMERA_FOVY_RAD, width, height
        )
        self.reset(seed)

    def reset(self, seed: int, positions: np.ndarray | None = None) -> None:
        """Build the scene of this seed, the arm still at `positions` [2] rad (default: drawn from the seed)."""
        self.seed = seed
        self._model = mujoco.MjModel.from_xml_string(scene.scene_xml(seed))
        self._data = mujoco.MjData(self._model)
        self._camera.new_scene()
        if positions is None:
            positions = random_positions(np.random.default_rng([seed, 1]))
        self.place(positions)

    def place(self, positions: np.ndarray) -> None:
        """Stand the arm still at `positions` [2] rad, in the same scene."""
        self._data.qpos[:] = positions
        self._data.qvel[:] = 0.0
        self._data.ctrl[:] = 0.0
        mujoco.mj_forward(self._model, self._data)

    @property
    def positions(self) -> np.ndarray:
        """Joint angles [2], rad."""
        angles: np.ndarray = self._data.qpos.copy()
        return angles

    @property
    def velocities(self) -> np.ndarray:
        """Joint velocities [2], rad/s."""
        velocities: np.ndarray = self._data.qvel.copy()
        return velocities

    def tip(self) -> np.ndarray:
        """Position of the fingertip [3], m, in the base frame."""
        mujoco.mj_kinematics(self._model, self._data)
        tip: np.ndarray = self._data.site("tip").xpos.copy()
        return tip


def random_positions(generator: np.random.Generator) -> np.ndarray:
    """Joint angles [2] rad, uniform within the limits less a margin."""
    limit = np.array([scene.SHOULDER_LIMIT_RAD, scene.ELBOW_LIMIT_RAD]) - LIMIT_MARGIN_RAD
    return generator.uniform(-limit, limit)


def draw_goal(generator: np.random.Generator, positions: np.ndarray) -> np.ndarray | None:
    """Joint angles [2] rad; None when the fingertip is too near to the one at `positions` for that to be a task."""
    goal = random_positions(generator)
    apart, _ = errors(positions, goal)
    return goal if apart >= MIN_START_DISTANCE_M else None


def errors(positions: np.ndarray, goal: np.ndarray) -> tuple[np.ndarray, None]:
    """Metres [...] from the fingertip at joint angles [..., 2] to that at the goal [2]; no heading counts."""
    return np.linalg.norm(tip_position(positions) - tip_position(goal), axis=-1), None


def rates(before: np.ndarray, after: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """Mean joint velocities [S, 2] between joint angles [S, 2] so many seconds [S] apart."""
    velocities: np.ndarray = (after - before) / seconds[:, None]
    return velocities


def tip_position(positions: np.ndarray) -> np.ndarray:
    """Fingertip [..., 2] in metres (x forward, y left) for joint angles [..., 2] rad."""
    shoulder, elbow = positions[..., 0], positions[..., 0] + positions[..., 1]
    x = scene.UPPER_ARM_M * np.cos(shoulder) + scene.FOREARM_M * np.cos(elbow)
    y = scene.UPPER_ARM_M * np.sin(shoulder) + scene.FOREARM_M * np.sin(elbow)
    return np.stack([x, y], axis=-1)


def parts(positions: np.ndarray) -> dict[str, np.ndarray]:
    """The fingertip's place [S, 2] m in states [S, 2]."""
    return {"fingertip": tip_position(positions)}
