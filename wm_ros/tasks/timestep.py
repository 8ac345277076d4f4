"""The step in which the embedded robots move through time."""

from __future__ import annotations

import math

TIMESTEP_S = 0.005


def whole_steps(duration_s: float, timestep_s: float = TIMESTEP_S) -> int:
    """How many steps make a duration; ValueError when it is not a positive multiple of the step."""
    steps = round(duration_s / timestep_s)
    if steps < 1 or not math.isclose(steps * timestep_s, duration_s, abs_tol=1e-9):
        raise ValueError(f"duration {duration_s} s must be a positive multiple of {timestep_s} s")
    return steps
