"""A thing that moves by itself in a robot's pictures, whatever the robot does: what a latent action should not tell."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from wm_ros.tasks.protocol import MakeSimulator, Simulator

RADIUS = 0.05  # of the picture's width
REACH = 0.4  # how far from the middle it goes, as a share of the picture
SLOWEST_HZ, FASTEST_HZ = 0.05, 0.2
WAVES = 2  # on each axis
SHIFT = 4  # fractional bits of what is drawn, so that it moves by less than a pixel


class Distracted:
    """A simulator in whose pictures a disc wanders; its way and colour follow the seed and the time, nothing else.

    Everything but `render` is the simulator's own, the state included.
    """

    def __init__(self, make: MakeSimulator, *seed: int, **options: int) -> None:
        self._simulator: Simulator = make(*seed, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._simulator, name)

    def render(self) -> np.ndarray:
        """Camera image now with the disc, [height, width, 3] uint8 RGB."""
        picture = np.ascontiguousarray(self._simulator.render())
        height, width = picture.shape[:2]
        place, colour = _disc(self._simulator.seed, self._simulator.time_s)
        centre = np.round(place * np.array([width, height]) * (1 << SHIFT)).astype(int)
        radius = round(RADIUS * width * (1 << SHIFT))
        cv2.circle(picture, tuple(centre.tolist()), radius, colour.tolist(), -1, cv2.LINE_AA, SHIFT)
        return picture


def _disc(seed: int, time_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Centre [2] as shares of width and height, and colour [3] in 0 .. 255."""
    generator = np.random.default_rng([seed, 5])
    rates = generator.uniform(SLOWEST_HZ, FASTEST_HZ, size=(WAVES, 2))
    phases = generator.uniform(0.0, 2.0 * np.pi, size=(WAVES, 2))
    colour = generator.integers(0, 256, size=3)
    return 0.5 + REACH * np.sin(2.0 * np.pi * rates * time_s + phases).mean(axis=0), colour
