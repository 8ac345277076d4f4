"""Which frame of a video belongs to which row of a table, where times and counts of a LeRobot set disagree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

# Share of a period by which a row may miss the frame that it goes with, where only their times can tell.
NEAR = 0.25


class Span(NamedTuple):
    """Where metadata say that an episode is in its video, and how many frames it has there."""

    from_s: float
    to_s: float
    length: int


class Windows(NamedTuple):
    """The frames of each episode, as slices; whether they were counted; how far, in s, the metadata were off then."""

    frames: list[slice]
    counted: bool
    off_s: float


def windows(frames_s: np.ndarray, spans: Sequence[Span], period_s: float) -> Windows:
    """Find the frames of the episodes that share a video with frames at these times [N], increasing.

    Where there are as many frames as the episodes have, they are counted: start times are sums of rounded durations
    and are off by whole frames in long files. Otherwise times decide, and no frame belongs to two episodes.
    """
    order = sorted(range(len(spans)), key=lambda index: spans[index].from_s)
    result = [slice(0, 0)] * len(spans)
    half = 0.5 * period_s
    if sum(span.length for span in spans) == len(frames_s):
        stop, off_s = 0, 0.0
        for index in order:
            start, stop = stop, stop + spans[index].length
            result[index] = slice(start, stop)
            if stop > start:
                off_s = max(off_s, abs(float(frames_s[start]) - spans[index].from_s))
        return Windows(result, True, off_s)
    for index, following in zip(order, [*order[1:], None], strict=True):
        span = spans[index]
        end_s = span.to_s
        if following is not None and spans[following].from_s > span.from_s:
            end_s = min(end_s, spans[following].from_s)
        start, stop = np.searchsorted(frames_s, [span.from_s - half, end_s - half])
        result[index] = slice(int(start), int(max(start, stop)))
    return Windows(result, False, 0.0)


def pair(
    frames_s: np.ndarray, from_s: float, rows_s: np.ndarray, numbers: np.ndarray, period_s: float
) -> np.ndarray:
    """The frame of each row [R] as an index into the frames of its episode [N], -1 for none; no frame twice.

    frames_s: times of the frames in the video, where the episode is said to begin at from_s. rows_s: times of the rows
    in the episode; numbers: of the rows in the episode, counted from 0. All are increasing.

    As many frames as rows go together in their order, whatever their times: each was written with the other. Otherwise
    a row goes with the frame nearest in time, within a quarter of a period.
    """
    if not len(frames_s) or not len(numbers):
        return np.full(len(rows_s), -1)
    if numbers[-1] + 1 == len(frames_s):
        return numbers.copy()
    # A start that is off by less than half a period is that of the frame beside it.
    near_first = abs(frames_s[0] - from_s) < 0.5 * period_s
    wanted_s = rows_s + (frames_s[0] if near_first else from_s)
    after = np.clip(np.searchsorted(frames_s, wanted_s), 0, len(frames_s) - 1)
    before = np.maximum(after - 1, 0)
    closer = wanted_s - frames_s[before] < np.abs(frames_s[after] - wanted_s)
    nearest = np.where(closer, before, after)
    nearest[np.abs(frames_s[nearest] - wanted_s) > NEAR * period_s] = -1
    nearest[1:][nearest[1:] == nearest[:-1]] = -1
    return nearest
