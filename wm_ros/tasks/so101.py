"""The embedded SO-101: five joints and a gripper of position servos over a table, seen by a camera with noise."""

from __future__ import annotations

import mujoco
import numpy as np

from wm_ros.tasks.so101_poses import JOINTS, random_positions
from wm_ros.tasks.so101_scene import TIMESTEP_S, light, so101_model
from wm_ros.tasks.timestep import whole_steps

SIZE = 96  # px
NOISE = 2.0  # of the camera, standard deviation in 255ths
LEAD_RAD = (
    0.1  # a commanded velocity moves no target farther from its joint, as where something is in the way
)


class SO101:
    """Physics and camera of one arm on one table; light, colours and start follow the seed, the motion the commands.

    width, height: camera image in pixels.
    """

    components = JOINTS
    timestep_s = TIMESTEP_S

    def __init__(self, seed: int = 0, width: int = SIZE, height: int = SIZE) -> None:
        self._model = so101_model()
        self._data = mujoco.MjData(self._model)
        self._low, self._high = self._model.jnt_range.T
        self._size = width, height
        self.reset(seed)

    def reset(self, seed: int) -> None:
        """Light the table by this seed, the arm still where the seed puts it."""
        self.seed = seed
        self._camera = light(self._model, seed, *self._size)
        self._noise = np.random.default_rng([seed, 4])
        self._data.time = 0.0
        self.place(random_positions(np.random.default_rng([seed, 1])))

    def place(self, positions: np.ndarray) -> None:
        """Be at rest at joint angles [6] rad, the servos holding them, in the same scene."""
        time_s = self._data.time
        mujoco.mj_resetData(self._model, self._data)  # no contact of what was before is remembered
        self._data.time = time_s
        self._data.qpos[:] = positions
        self._data.ctrl[:] = np.clip(positions, self._low, self._high)
        mujoco.mj_forward(self._model, self._data)

    def step(self, velocity: np.ndarray, duration_s: float) -> None:
        """Move the servos' targets at a velocity [6] rad/s for `duration_s`, a multiple of the time step.

        Targets stay within the joints' ranges, and near the joints where these do not follow.
        """
        for _ in range(whole_steps(duration_s, TIMESTEP_S)):
            near = self._data.qpos - LEAD_RAD, self._data.qpos + LEAD_RAD
            target = np.clip(self._data.ctrl + velocity * TIMESTEP_S, *near)
            self._data.ctrl[:] = np.clip(target, self._low, self._high)
            mujoco.mj_step(self._model, self._data)

    def servo(self, targets: np.ndarray, duration_s: float) -> None:
        """Hold the servos' targets at joint angles [6] rad for `duration_s`; beyond the ranges their ends are meant."""
        self._data.ctrl[:] = np.clip(targets, self._low, self._high)
        mujoco.mj_step(self._model, self._data, nstep=whole_steps(duration_s, TIMESTEP_S))

    @property
    def targets(self) -> np.ndarray:
        """Where the servos are going, joint angles [6] rad."""
        targets: np.ndarray = self._data.ctrl.copy()
        return targets

    @property
    def positions(self) -> np.ndarray:
        """Measured joint angles [6], rad."""
        positions: np.ndarray = self._data.qpos.copy()
        return positions

    @property
    def velocities(self) -> np.ndarray:
        """Measured joint velocities [6], rad/s."""
        velocities: np.ndarray = self._data.qvel.copy()
        return velocities

    @property
    def touches(self) -> bool:
        """Whether anything of the arm touches the table, the base or the arm itself."""
        return bool(self._data.ncon)

    @property
    def time_s(self) -> float:
        """Simulated seconds since the reset."""
        return float(self._data.time)

    def render(self) -> np.ndarray:
        """Camera image now, [height, width, 3] uint8 RGB; no two have the same noise."""
        mujoco.mj_kinematics(self._model, self._data)
        seen = self._camera.render(self._model, self._data)
        noise = NOISE * self._noise.standard_normal(seen.shape, dtype=np.float32)
        image: np.ndarray = (seen + noise + 0.5).clip(0.0, 255.0).astype(np.uint8)
        return image

    @property
    def focal_px(self) -> float:
        """Focal length of the camera in pixels, for camera_info."""
        return float(self._camera.focal_px)
