"""How one who knows where a robot is would drive it to a goal: what planners are compared with."""

import numpy as np


def rates_to(goal, here):
    """Rates [2] from a pose to a goal: straight in joint space [2]; or [3] turn, drive, turn."""
    if len(goal) == 2:
        return 3.0 * (goal - here)
    offset, turn = goal[:2] - here[:2], goal[2] - here[2]
    apart = np.hypot(*offset)
    if apart > 0.1:
        turn = np.arctan2(offset[1], offset[0]) - here[2]
    turn = (turn + np.pi) % (2.0 * np.pi) - np.pi
    return np.array([0.8 * apart * max(np.cos(turn), 0.0) if apart > 0.1 else 0.0, 2.0 * turn])
