"""PushT as published: goals are states in which the block lies elsewhere, within 20 mm and 20 degrees it is there."""

from __future__ import annotations

import math
from types import MappingProxyType

import numpy as np

from wm_ros.tasks import pusht
from wm_ros.tasks.environment import Environment, Goals
from wm_ros.tasks.pusht_pushes import Pushes

MOVED_M, TURNED_RAD = 0.035, math.radians(35.0)


def block_must_move(start: np.ndarray, goal: np.ndarray) -> bool:
    """Whether the block must be moved or turned so far between two states [5] that standing still does not do."""
    distance, turn = pusht.errors(start, goal)
    return bool(distance >= MOVED_M or turn >= TURNED_RAD)


PUSHT = Environment(
    # Not with its dependencies: it asks for opencv-python, which overwrites the opencv-python-headless of this package.
    install="pip install 'wm_ros[tasks]' and pip install --no-deps gym-pusht",
    options=MappingProxyType(pusht.OPTIONS),
    action=pusht.action,
    reset=pusht.reset,
    state=pusht.state,
    picture=pusht.picture,
    motion=Pushes,
    excursion=0.2,
    goals=Goals(
        place=pusht.place,
        is_task=block_must_move,
        errors=pusht.errors,
        rates=pusht.rates,
        radius_m=0.020,
        heading_rad=math.radians(20.0),
    ),
)
