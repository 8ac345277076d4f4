"""A simulated robot seen by a bystander: from its own camera, or the rover's way from above."""

from __future__ import annotations

import math

import cv2
import numpy as np

from wm_ros.tasks import room
from wm_ros.tasks.protocol import MakeSimulator

GOAL, WAY, ROVER = (20, 160, 60), (30, 90, 220), (240, 140, 25)
_SHIFT = 4  # OpenCV draws between pixels, in 16ths


class CameraOverview:
    """The scene of a seed, rendered again from the states, for robots whose camera sees all that matters."""

    draws_way = False

    def __init__(self, simulator: MakeSimulator, seed: int, size: int) -> None:
        self._simulator = simulator(seed, size, size)

    def __call__(self, track: np.ndarray, goal: np.ndarray) -> np.ndarray:
        """Image [size, size, 3] uint8 at the end of a track of states [T, P]; the goal is not drawn."""
        self._simulator.place(track[-1])
        return self._simulator.render()


class RoverOverview:
    """Floor, walls and pillars from above, x to the right and y up, with the way driven and the goal."""

    draws_way = True

    def __init__(self, seed: int, size: int) -> None:
        border = round(0.02 * size)
        pictures = room.pictures()
        inner = size - 2 * border
        floor = cv2.resize(pictures["floor"][::-1], (inner, inner), interpolation=cv2.INTER_AREA)
        canvas = np.zeros((size, size, 3), np.float32)
        canvas[border:-border, border:-border] = floor
        # Walls +x, +y, -x, -y folded out; their columns run to the right for who looks at them from inside.
        rows = [
            cv2.resize(pictures[f"wall{side}"][-1:], (inner, border), interpolation=cv2.INTER_AREA)
            for side in range(4)
        ]
        canvas[border:-border, -border:] = rows[0].transpose(1, 0, 2)
        canvas[:border, border:-border] = rows[1]
        canvas[border:-border, :border] = rows[2][:, ::-1].transpose(1, 0, 2)
        canvas[-border:, border:-border] = rows[3][:, ::-1]
        self._border, self._scale = border, inner / (2.0 * room.HALF_M)
        self._room = (255 * canvas).astype(np.uint8)
        for x, y, radius, _, colour in room.PILLARS:
            self._disc(self._room, x, y, radius, tuple(255.0 * part for part in colour))

    def __call__(self, track: np.ndarray, goal: np.ndarray) -> np.ndarray:
        """Image [size, size, 3] uint8 of a track [T, 3] so far, the rover at its end, and the goal [3]."""
        image: np.ndarray = self._room.copy()
        points = np.array([self._at(x, y) for x, y, _ in track], np.int32)
        cv2.polylines(image, [points], False, WAY, 2, cv2.LINE_AA, _SHIFT)
        self._disc(image, goal[0], goal[1], room.ROVER_RADIUS_M, GOAL, 2)
        self._needle(image, goal, GOAL)
        here = track[-1]
        self._disc(image, here[0], here[1], room.ROVER_RADIUS_M, ROVER)
        self._needle(image, here, (20, 20, 20))
        return image

    def _at(self, x: float, y: float) -> tuple[int, int]:
        column = self._border + (x + room.HALF_M) * self._scale
        row = self._border + (room.HALF_M - y) * self._scale
        return round(column * 2**_SHIFT), round(row * 2**_SHIFT)

    def _disc(
        self,
        image: np.ndarray,
        x: float,
        y: float,
        radius: float,
        colour: tuple[float, ...],
        width: int = cv2.FILLED,
    ) -> None:
        size = round(radius * self._scale * 2**_SHIFT)
        cv2.circle(image, self._at(x, y), size, colour, width, cv2.LINE_AA, _SHIFT)

    def _needle(self, image: np.ndarray, pose: np.ndarray, colour: tuple[float, ...]) -> None:
        """Where it looks."""
        x, y, yaw = pose
        end = self._at(x + 0.28 * math.cos(yaw), y + 0.28 * math.sin(yaw))
        cv2.line(image, self._at(x, y), end, colour, 2, cv2.LINE_AA, _SHIFT)
