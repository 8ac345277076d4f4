"""Pinhole cameras made of MuJoCo rays: no OpenGL, no display, the same pixels on every machine."""

from __future__ import annotations

from collections.abc import Mapping

import mujoco
import numpy as np

STILL_GROUP, MOVING_GROUP = 0, 1
_LIGHT = np.array([0.3, 0.25, 0.92]) / np.linalg.norm([0.3, 0.25, 0.92])
_FAR_M = 20.0


class Lens:
    """Rays through the pixels of a pinhole camera, and the pixels that their colours make.

    fovy: vertical field of view, rad. supersample: rays per pixel side; 2 means four rays averaged per pixel.
    u, v: where the rays pass the plane at distance 1, to the right and down.
    """

    def __init__(self, fovy: float, width: int, height: int, supersample: int) -> None:
        self.width, self.height, self.supersample = width, height, supersample
        self.focal_px = height / 2.0 / np.tan(fovy / 2.0)
        rows, columns = height * supersample, width * supersample
        u = ((np.arange(columns) + 0.5) / supersample - width / 2) / self.focal_px
        v = ((np.arange(rows) + 0.5) / supersample - height / 2) / self.focal_px
        self.u, self.v = u[None, :, None], v[:, None, None]

    def rays(self, direction: np.ndarray) -> np.ndarray:
        """Unit vectors [R, 3] in the world frame, of a camera upright that looks along `direction` [3]."""
        right, down, forward = _axes(direction)
        rays: np.ndarray = forward + self.u * right + self.v * down
        unit: np.ndarray = rays / np.linalg.norm(rays, axis=-1, keepdims=True)
        return unit.reshape(-1, 3)

    def image(self, colour: np.ndarray) -> np.ndarray:
        """Image [height, width, 3] uint8 of the colours [R, 3] float32, 0 to 1, that the rays met."""
        n = self.supersample
        rays = colour.reshape(self.height, n, self.width, n, 3)
        # Summed slice by slice: several times faster than a mean over strided axes.
        summed = sum(rays[:, row, :, column] for row in range(n) for column in range(n))
        pixels: np.ndarray = summed * np.float32(255.0 / n**2) + np.float32(0.5)
        return pixels.astype(np.uint8)


class RayCamera:
    """Renders one scene from a fixed viewpoint; what cannot move is cast once per scene.

    position, target: metres in the world frame (x forward, y left, z up). The rest as of Lens.
    """

    def __init__(
        self,
        position: tuple[float, float, float],
        target: tuple[float, float, float],
        fovy: float,
        width: int,
        height: int,
        supersample: int = 2,
    ) -> None:
        self._lens = Lens(fovy, width, height, supersample)
        self.focal_px = self._lens.focal_px
        self._position = np.asarray(position, dtype=np.float64)
        self._rays = self._lens.rays(np.asarray(target, dtype=np.float64) - self._position)
        self._background: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None

    def new_scene(self) -> None:
        """Forget the cached background; call it when the model changed."""
        self._background = None

    def render(self, model: mujoco.MjModel, data: mujoco.MjData) -> np.ndarray:
        """The image now, [height, width, 3] uint8 RGB."""
        if self._background is None:
            self._background = _cast(model, data, self._position, self._rays, STILL_GROUP)
        still_colour, still_distance, _ = self._background
        colour, distance, _ = _cast(model, data, self._position, self._rays, MOVING_GROUP)
        nearer = distance < still_distance
        return self._lens.image(np.where(nearer[:, None], colour, still_colour))


class RidingCamera:
    """Renders what stands still from a viewpoint that moves: the camera on a robot, which does not see the robot.

    paint: pictures [rows, columns, 3] float32 by geom name, stretched over planes from their corner at negative x and
    y, rows along y; the geom's own colour tints them. Rays cost by the geom, pictures next to nothing.
    """

    def __init__(
        self, fovy: float, width: int, height: int, paint: Mapping[str, np.ndarray], supersample: int = 2
    ) -> None:
        self._lens = Lens(fovy, width, height, supersample)
        self.focal_px = self._lens.focal_px
        self._paint = paint
        # In the camera's own frame: x right, y down, z ahead.
        u, v = np.broadcast_arrays(self._lens.u, self._lens.v)
        ahead = np.concatenate([u, v, np.ones_like(u)], axis=-1).reshape(-1, 3)
        self._ahead = ahead / np.linalg.norm(ahead, axis=-1, keepdims=True)

    def render(
        self, model: mujoco.MjModel, data: mujoco.MjData, position: np.ndarray, direction: np.ndarray
    ) -> np.ndarray:
        """The image [height, width, 3] uint8 RGB from `position` [3] m along `direction` [3], in the world frame."""
        rays = self._ahead @ _axes(direction)
        colour, distance, geom = _cast(model, data, position, rays, STILL_GROUP)
        for name, picture in self._paint.items():
            plane = model.geom(name).id
            on = np.flatnonzero(geom == plane)
            rows, columns, _ = picture.shape
            # From metres in the world to grains of the picture, less a hair: the far edge is the last grain's.
            size = 2.0 * model.geom_size[plane, :2]
            to_grains = data.geom_xmat[plane].reshape(3, 3)[:, :2] * ([columns, rows] / size * (1.0 - 1e-9))
            offset = (position - data.geom_xpos[plane]) @ to_grains + [columns / 2, rows / 2]
            grains = (distance[on, None] * (rays[on] @ to_grains) + offset).astype(np.int32)
            colour[on] *= picture.reshape(-1, 3).take(
                grains[:, 1] * columns + grains[:, 0], axis=0, mode="clip"
            )
        return self._lens.image(colour)


def _axes(direction: np.ndarray) -> np.ndarray:
    """Right, down and ahead [3, 3] of a camera upright that looks along `direction` [3]."""
    forward = direction / np.linalg.norm(direction)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(forward, right), forward])


def _cast(
    model: mujoco.MjModel, data: mujoco.MjData, position: np.ndarray, rays: np.ndarray, group: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Colour [R, 3] float32, distance [R] and geom [R] of the first surface of the group that each ray meets."""
    count = len(rays)
    geom = np.full(count, -1, dtype=np.int32)
    distance = np.full(count, -1.0)
    normal = np.zeros(count * 3)
    # The group mask separates what is welded to the world from what moves.
    mask = np.zeros(mujoco.mjNGROUP, dtype=np.uint8)
    mask[group] = 1
    mujoco.mj_multiRay(
        model, data, position, rays.ravel(), mask, group == STILL_GROUP, -1,
        geom, distance, normal, count, _FAR_M,
    )  # fmt: skip
    hit = geom >= 0
    shade = np.zeros(count, dtype=np.float32)
    shade[hit] = 0.45 + 0.55 * np.clip(normal.reshape(-1, 3)[hit] @ _LIGHT, 0.0, 1.0)
    colour = np.zeros((count, 3), dtype=np.float32)
    colour[hit] = model.geom_rgba[geom[hit], :3] * shade[hit, None]
    return colour, np.where(hit, distance, np.inf), geom
