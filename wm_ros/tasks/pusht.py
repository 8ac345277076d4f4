"""PushT of gym-pusht as a robot: a disc that is driven by velocities and pushes a T-shaped block on a table.

The environment counts pixels of its table of 512; here one is a millimetre. x is to the right, y down as in its
picture, and so angles count clockwise.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np

STATE = ("agent_x", "agent_y", "block_x", "block_y", "block_angle")
PX_PER_M = 1000.0
TABLE_PX = 512
# The disc stays whole in the picture.
AGENT_RADIUS_PX = 15
# The environment's controller takes a target and follows it with a lag. One set this many seconds of motion ahead at
# every step keeps the disc at the velocity asked for: found by measuring the motion once it is steady.
LEAD_S = 0.2457413
# From the block's own origin, in the middle of its bar, to its centre of mass.
CENTRE_M = 0.045
# The two boxes of the T, from that origin: least x and y, most x and y.
BAR_M, STEM_M = (-0.06, 0.0, 0.06, 0.03), (-0.015, 0.03, 0.015, 0.12)
# Pictures come as large as they are drawn: the environment would shrink them without smoothing.
OPTIONS = {"obs_type": "state", "observation_width": TABLE_PX, "observation_height": TABLE_PX}


def action(env: Any, velocity: np.ndarray) -> np.ndarray:
    """The target [2] px that moves the disc at a velocity [2] m/s."""
    target = np.array(env.unwrapped.agent.position) + LEAD_S * PX_PER_M * np.asarray(velocity)
    return target.clip(AGENT_RADIUS_PX, TABLE_PX - AGENT_RADIUS_PX)


def reset(env: Any, seed: int) -> None:
    """A start of this seed in which nothing touches: the environment draws until one is found."""
    env.reset(seed=seed)
    while env.unwrapped.n_contact_points:
        env.reset()


def state(env: Any) -> np.ndarray:
    """Disc and block [5] in m, the block's angle in rad, which counts whole turns."""
    table = env.unwrapped
    places = np.array([*table.agent.position, *table.block.position]) / PX_PER_M
    return np.append(places, table.block.angle)


def place(env: Any, positions: np.ndarray) -> None:
    """Set disc and block [5], both at rest."""
    env.reset(seed=0)  # no contact of what was before is remembered
    table = env.unwrapped
    places = np.asarray(positions[:4], dtype=np.float64) * PX_PER_M
    # The angle first: the block turns about its centre of mass, which moves its origin.
    table.block.angle = float(positions[4])
    table.block.position = tuple(places[2:].tolist())
    table.agent.position = tuple(places[:2].tolist())
    for body in (table.agent, table.block):
        body.velocity, body.angular_velocity = (0.0, 0.0), 0.0
        table.space.reindex_shapes_for_body(body)


def picture(env: Any, width: int, height: int) -> np.ndarray:
    """The table from above [height, width, 3] uint8, without the mark of the last action that `render` draws."""
    drawn: np.ndarray = env.unwrapped._render(visualize=False)
    return cv2.resize(drawn, (width, height), interpolation=cv2.INTER_AREA)


def block_centre(positions: np.ndarray) -> np.ndarray:
    """The block's centre of mass [2] m in a state [5]."""
    angle = positions[4]
    return positions[2:4] + CENTRE_M * np.array([-math.sin(angle), math.cos(angle)])


def errors(positions: np.ndarray, goal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Metres and absolute angle [...] rad of the block between states [..., 5] and the goal [5]; the disc is free."""
    distance = np.linalg.norm(positions[..., 2:4] - goal[2:4], axis=-1)
    turn = positions[..., 4] - goal[4]
    return distance, np.abs((turn + np.pi) % (2.0 * np.pi) - np.pi)


def rates(before: np.ndarray, after: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """Mean velocities of the disc [S, 2] m/s between states [S, 5] so many seconds [S] apart."""
    velocities: np.ndarray = (after[:, :2] - before[:, :2]) / seconds[:, None]
    return velocities


def parts(positions: np.ndarray) -> dict[str, np.ndarray]:
    """Places of disc and block [S, 2] m, and the block's angle as cosine and sine [S, 2], of states [S, 5]."""
    angle = positions[:, 4]
    turned = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return {"disc": positions[:, :2], "block": positions[:, 2:4], "angle": turned}


def coverage(positions: np.ndarray, goal: np.ndarray) -> float:
    """Share of the block's area in a goal state [5] that the block of a state [5] covers."""
    wanted = _block(goal)
    return float(wanted.intersection(_block(positions)).area / wanted.area)


def _block(positions: np.ndarray) -> Any:
    """The T of a state [5] as a shapely polygon, in m."""
    from shapely.affinity import rotate, translate
    from shapely.geometry import box
    from shapely.ops import unary_union

    tee = unary_union([box(*BAR_M), box(*STEM_M)])
    turned = rotate(tee, float(positions[4]), origin=(0.0, 0.0), use_radians=True)
    return translate(turned, *positions[2:4].tolist())
