"""Which frames of a video are goals on the way to its end: as far apart as a distance says, whatever time it took."""

from __future__ import annotations

import numpy as np


def subgoals(places: np.ndarray, spacing: float) -> list[int]:
    """Indexes of the first frame, of every frame so far from the one before, and of the last one.

    places: [F, P] of the frames, as a goal distance embeds them. A frame that is nearer to the last one than half the
    spacing is left out. Frames in which nothing changed are one goal: the last.
    """
    if not len(places):
        raise ValueError("a video without frames has no goals")
    chosen = [0]
    for index in range(1, len(places)):
        if np.linalg.norm(places[index] - places[chosen[-1]]) >= spacing:
            chosen.append(index)
    last = len(places) - 1
    if np.linalg.norm(places[last] - places[chosen[-1]]) < spacing / 2:
        chosen.pop()
    return [*chosen, last]
