"""The embedded arm, seen by two cameras: from above, and from its side."""

from __future__ import annotations

import numpy as np

from wm_ros.messages.views import joined
from wm_ros.tasks import scene
from wm_ros.tasks.arm import Arm
from wm_ros.tasks.camera import RayCamera

CAMERAS = 2
SIDE_POSITION_M = (0.22, -0.70, 0.80)
SIDE_TARGET_M = (0.14, 0.0, 0.0)


class ArmTwoCameras(Arm):
    """The arm, whose pictures are those of both cameras side by side: [height, 2 * height, 3].

    width, height: of each camera's picture in pixels, before it is cropped to its centre square.
    """

    def __init__(self, seed: int = 0, width: int = 64, height: int = 64) -> None:
        self._side = RayCamera(SIDE_POSITION_M, SIDE_TARGET_M, scene.CAMERA_FOVY_RAD, width, height)
        super().__init__(seed, width, height)

    def reset(self, seed: int, positions: np.ndarray | None = None) -> None:
        """As of the arm."""
        self._side.new_scene()
        super().reset(seed, positions)

    def render(self) -> np.ndarray:
        """What both cameras see now, side by side, uint8 RGB."""
        return joined([super().render(), self._side.render(self._model, self._data)])
