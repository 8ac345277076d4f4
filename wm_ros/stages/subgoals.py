"""Which frames of a video are goals on the way to its end: as far apart as a distance says, whatever time it took."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

# A frame so far off the straight way between two goals, as a share of the spacing, is a goal, too.
OFF = 0.5


def subgoals(places: np.ndarray, spacing: float) -> list[int]:
    """Indexes of the first frame, of every frame so far from the one before, and of the last one.

    places: [F, P] of the frames, as a goal distance embeds them. Where the straight way between two of them would leave
    out a turn, or a way there and back, by half the spacing or more, the frame farthest off it is one more.
    Of the others, one that is nearer to the last frame than half the spacing is left out. Frames in which nothing
    changed are one goal: the last.
    """
    if not len(places):
        raise ValueError("a video without frames has no goals")
    last = len(places) - 1
    chosen = [0]
    for index in range(1, last + 1):
        if np.linalg.norm(places[index] - places[chosen[-1]]) >= spacing:
            chosen.append(index)
    if chosen[-1] and np.linalg.norm(places[last] - places[chosen[-1]]) < spacing / 2:
        chosen.pop()
    ends = [*chosen, last] if last else [0]
    found = [0]
    for begin, end in pairwise(ends):
        found += [*_turns(places, begin, end, OFF * spacing), end]
    if len(found) == 2 and np.linalg.norm(places[last] - places[0]) < spacing / 2:
        return [last]
    return found


def _turns(places: np.ndarray, begin: int, end: int, most: float) -> list[int]:
    """Frames between two that leave the line between them by `most` or more, as Douglas and Peucker choose them."""
    if end - begin < 2:
        return []
    way, from_begin = places[end] - places[begin], places[begin + 1 : end] - places[begin]
    share = (from_begin @ way / max(float(way @ way), 1e-12)).clip(0.0, 1.0)
    off = np.linalg.norm(from_begin - share[:, None] * way, axis=1)
    farthest = begin + 1 + int(off.argmax())
    if off.max() < most:
        return []
    return [*_turns(places, begin, farthest, most), farthest, *_turns(places, farthest, end, most)]
