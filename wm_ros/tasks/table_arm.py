"""What both embedded arms are as simulators: two velocity-controlled joints in MuJoCo, seen by a camera that stands
still."""

from __future__ import annotations

import mujoco
import numpy as np

from wm_ros.tasks.camera import RayCamera
from wm_ros.tasks.timestep import TIMESTEP_S, whole_steps

JOINTS = ("shoulder", "elbow")
SERVO_RAD_S = 3.0  # as fast as the joints go to a position, twice the speed that profiles allow


class TableArm:
    """An arm in the scene of `_model` and `_data`, seen by `_camera`; its two kinds make these, and reset and place."""

    components = JOINTS
    timestep_s = TIMESTEP_S
    _model: mujoco.MjModel
    _data: mujoco.MjData
    _camera: RayCamera

    def step(self, velocity: np.ndarray, duration_s: float) -> None:
        """Hold the velocity command [2] rad/s for `duration_s`, a multiple of the 5 ms physics step."""
        steps = whole_steps(duration_s)
        self._data.ctrl[:] = velocity
        mujoco.mj_step(self._model, self._data, nstep=steps)

    def servo(self, targets: np.ndarray, duration_s: float) -> None:
        """Go to joint positions [2] rad for `duration_s`, a multiple of the 5 ms physics step, and hold them."""
        for _ in range(whole_steps(duration_s)):
            way = targets - self._data.qpos[: len(JOINTS)]
            self._data.ctrl[:] = np.clip(way / TIMESTEP_S, -SERVO_RAD_S, SERVO_RAD_S)
            mujoco.mj_step(self._model, self._data)

    @property
    def time_s(self) -> float:
        """Simulated seconds since the reset."""
        return float(self._data.time)

    def render(self) -> np.ndarray:
        """Camera image now, [height, width, 3] uint8 RGB."""
        mujoco.mj_kinematics(self._model, self._data)
        return self._camera.render(self._model, self._data)

    @property
    def focal_px(self) -> float:
        """Focal length of the camera in pixels, for camera_info."""
        return float(self._camera.focal_px)
