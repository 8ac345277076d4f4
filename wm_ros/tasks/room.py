"""The rover's room: one room, whose walls, floor and landmarks make every view tell where it is from."""

from __future__ import annotations

import colorsys
import math

import numpy as np

HALF_M = 2.0  # from the middle to a wall
WALL_M = 1.5
PANELS = 5  # along a wall
TILES = 5  # along a side of the floor
GRAIN_M = 0.0125  # of the pictures on walls and floor
ROVER_RADIUS_M = 0.16

# What stands in the room, along the walls: x m, y m, radius m, half of its height m, colour. All are upright cylinders.
PILLARS = (
    (1.80, 1.80, 0.16, 0.55, (0.90, 0.10, 0.12)),
    (-1.82, 1.82, 0.17, 0.40, (0.10, 0.60, 0.25)),
    (-1.80, -1.80, 0.15, 0.70, (0.95, 0.85, 0.15)),
    (1.80, -1.80, 0.16, 0.25, (0.15, 0.25, 0.85)),
    (1.88, -0.35, 0.14, 0.20, (0.95, 0.95, 0.95)),
    (-0.45, 1.90, 0.20, 0.30, (0.35, 0.15, 0.45)),
    (-1.88, 0.35, 0.08, 0.50, (0.98, 0.45, 0.70)),
    (0.60, -1.82, 0.08, 0.22, (0.12, 0.12, 0.14)),
)

# Nothing collides: `keep_clear` does that for the rover, which its own camera does not see.
_TEMPLATE = """
<mujoco model="room">
  <compiler angle="radian"/>
  <default>
    <geom contype="2" conaffinity="0"/>
  </default>
  <worldbody>
    <geom name="floor" type="plane" size="{half} {half} .1" rgba="1 1 1 1"/>
    <geom name="ceiling" type="plane" size="{half} {half} .1" pos="0 0 {wall}" xyaxes="1 0 0 0 -1 0" rgba="1 1 1 1"/>
    {walls}
    {pillars}
    <geom type="sphere" size=".16" pos=".60 -1.82 .60" rgba=".98 .55 .05 1"/>
  </worldbody>
</mujoco>
"""


def room_xml() -> str:
    """MJCF of the room; its planes want the `pictures`."""
    walls = "\n    ".join(_wall(side) for side in range(4))
    pillars = "\n    ".join(
        f'<geom type="cylinder" size="{radius} {half}" pos="{x} {y} {half}" rgba="{red} {green} {blue} 1"/>'
        for x, y, radius, half, (red, green, blue) in PILLARS
    )
    return _TEMPLATE.format(half=HALF_M, wall=WALL_M, walls=walls, pillars=pillars)


def keep_clear(x: float, y: float) -> tuple[float, float]:
    """The nearest place to (x, y), m, where the rover touches neither a wall nor a pillar."""
    for pillar_x, pillar_y, radius, *_ in PILLARS:
        apart, least = math.hypot(x - pillar_x, y - pillar_y), radius + ROVER_RADIUS_M
        if 0.0 < apart < least:
            x = pillar_x + (x - pillar_x) * least / apart
            y = pillar_y + (y - pillar_y) * least / apart
    most = HALF_M - ROVER_RADIUS_M
    return min(max(x, -most), most), min(max(y, -most), most)


def pictures() -> dict[str, np.ndarray]:
    """What is painted on floor, ceiling and walls: [rows, columns, 3] float32, by geom name."""
    walls = {f"wall{side}": _wall_picture(side) for side in range(4)}
    # A poster on each wall: disc, diamond, strip, square.
    along, up = _grid(2 * HALF_M, WALL_M)
    walls["wall0"][np.hypot(along - 1.25, up - 0.80) < 0.28] = 0.05, 0.30, 0.32
    walls["wall1"][np.abs(along - 2.85) + np.abs(up - 0.90) < 0.36] = 0.97, 0.97, 0.80
    walls["wall2"][(np.abs(along - 2.85) < 0.12) & (np.abs(up - 0.80) < 0.40)] = 0.08, 0.08, 0.30
    walls["wall3"][(np.abs(along - 1.00) < 0.24) & (np.abs(up - 0.90) < 0.24)] = 0.95, 0.95, 0.30
    return {"floor": _floor_picture(), "ceiling": _ceiling_picture(), **walls}


def _wall(side: int) -> str:
    """Wall +x, +y, -x, -y in turn, its x axis to the right for who looks at it."""
    x, y = ((1, 0), (0, 1), (-1, 0), (0, -1))[side]
    middle = WALL_M / 2
    return (
        f'<geom name="wall{side}" type="plane" size="{HALF_M} {middle} .1" rgba="1 1 1 1" '
        f'pos="{HALF_M * x} {HALF_M * y} {middle}" xyaxes="{y} {-x} 0 0 0 1"/>'
    )


def _wall_picture(side: int) -> np.ndarray:
    """Panels whose hues go once round the room, each with a base and an upper part of its own."""
    along, up = _grid(2 * HALF_M, WALL_M)
    picture = np.empty((*along.shape, 3), dtype=np.float32)
    for place in range(PANELS):
        hue = (side * PANELS + PANELS - 1 - place) / (4 * PANELS)
        panel = (along * PANELS / (2 * HALF_M)).astype(int) == place
        picture[panel] = colorsys.hsv_to_rgb(hue, 0.75 if place % 2 else 0.45, 0.90)
        base = panel & (up < WALL_M * (0.30 + 0.08 * (place % 3)))
        picture[base] = colorsys.hsv_to_rgb(hue, 0.90, 0.70 if place % 2 else 0.50)
    return picture


def _floor_picture() -> np.ndarray:
    """Tiles light and dark in turn, redder along x and bluer along y, with rugs on them."""
    x, y = (axis - HALF_M for axis in _grid(2 * HALF_M, 2 * HALF_M))
    row, column = (((axis + HALF_M) * TILES / (2 * HALF_M)).astype(int) for axis in (x, y))
    light = np.where((row + column) % 2, 0.55, 0.42)
    tint = (0.75 + 0.5 * row / (TILES - 1), np.ones_like(x), 0.75 + 0.5 * column / (TILES - 1))
    picture = (light[..., None] * np.stack(tint, axis=-1)).astype(np.float32)
    picture[np.hypot(x - 0.70, y - 0.55) < 0.45] = 0.75, 0.20, 0.20
    picture[(np.abs(x + 0.90) < 0.12) & (np.abs(y - 0.30) < 0.70)] = 0.95, 0.92, 0.80
    turn = 0.5
    u = (x - 0.35) * math.cos(turn) + (y + 0.95) * math.sin(turn)
    v = (y + 0.95) * math.cos(turn) - (x - 0.35) * math.sin(turn)
    picture[(np.abs(u) < 0.35) & (np.abs(v) < 0.35)] = 0.15, 0.35, 0.60
    picture[np.hypot(x + 0.95, y + 1.05) < 0.25] = 0.20, 0.45, 0.20
    return picture


def _ceiling_picture() -> np.ndarray:
    x, y = _grid(2 * HALF_M, 2 * HALF_M)
    picture = np.full((*x.shape, 3), 0.80, dtype=np.float32)
    picture[(np.abs(x - 2.7) < 0.9) & (np.abs(y - 1.1) < 0.12)] = 1.0, 1.0, 0.8
    picture[(np.abs(x - 1.1) < 0.12) & (np.abs(y - 2.6) < 0.6)] = 0.8, 1.0, 1.0
    return picture


def _grid(width_m: float, height_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Middles of a picture's grains [rows, columns], m from its corner: along x, and along y."""
    columns, rows = round(width_m / GRAIN_M), round(height_m / GRAIN_M)
    return np.meshgrid((np.arange(columns) + 0.5) * GRAIN_M, (np.arange(rows) + 0.5) * GRAIN_M)
