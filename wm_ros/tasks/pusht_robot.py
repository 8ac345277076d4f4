"""PushT as published: goals are states in which the block lies elsewhere, within 20 mm and 20 degrees it is there."""

from __future__ import annotations

import math
from types import MappingProxyType

import numpy as np

from wm_ros.robots.profile import RobotProfile
from wm_ros.tasks import pusht
from wm_ros.tasks.environment import Environment, Goals
from wm_ros.tasks.pushing import Pushes, PushSettings

MOVED_M, TURNED_RAD = 0.035, math.radians(35.0)
EDGE_M, TABLE_M = 0.025, 0.512


def block_must_move(start: np.ndarray, goal: np.ndarray) -> bool:
    """Whether the block must be moved or turned so far between two states [5] that standing still does not do."""
    distance, turn = pusht.errors(start, goal)
    return bool(distance >= MOVED_M or turn >= TURNED_RAD)


def pushes(profile: RobotProfile, generator: np.random.Generator) -> Pushes:
    """Recorded motion of one episode: the disc goes for the block's centre."""
    settings = PushSettings(
        places=lambda positions: (positions[:2], pusht.block_centre(positions)),
        low=np.full(2, EDGE_M),
        high=np.full(2, TABLE_M - EDGE_M),
        aim_std_m=0.028,
        speed_m_s=float(profile.high.min()),
        command=lambda positions, velocity: velocity,
    )
    return Pushes(settings, profile, generator)


PUSHT = Environment(
    # Not with its dependencies: it asks for opencv-python, which overwrites the opencv-python-headless of this package.
    install="pip install 'wm_ros[tasks]' and pip install --no-deps gym-pusht",
    options=MappingProxyType(pusht.OPTIONS),
    action=pusht.action,
    reset=pusht.reset,
    state=pusht.state,
    picture=pusht.picture,
    motion=pushes,
    excursion=0.2,
    goals=Goals(
        place=pusht.place,
        is_task=block_must_move,
        errors=pusht.errors,
        rates=pusht.rates,
        radius_m=0.020,
        heading_rad=math.radians(20.0),
        parts=pusht.parts,
        coverage=pusht.coverage,
    ),
)
