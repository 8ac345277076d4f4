"""Lays frames on an even grid of time, as formats want that have one rate and no stamps."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Ticks(NamedTuple):
    """Even times and what is seen at them.

    stamps_ns: [T] int64, 1 / fps s apart. frames: [T] index of the frame nearest to each, the last one before it
    where none is within half a period. repeated: how many show a frame once more. unused: frames that none shows.
    """

    stamps_ns: np.ndarray
    frames: np.ndarray
    repeated: int
    unused: int


def even_ticks(stamps_ns: np.ndarray, fps: float) -> Ticks:
    """A grid from the first frame to the last of an episode, in phase with most of them; stamps [F] ns, increasing."""
    stamps_ns = np.asarray(stamps_ns, dtype=np.int64)
    periods = (stamps_ns - stamps_ns[0]) * (fps * 1e-9)
    phase = float(np.median(periods - np.rint(periods)))
    periods = periods - phase
    wanted = np.arange(round(periods[-1]) + 1)
    after = np.clip(np.searchsorted(periods, wanted), 1, max(len(periods) - 1, 1))
    before = after - 1
    after = np.minimum(after, len(periods) - 1)
    nearest = np.where(wanted - periods[before] <= periods[after] - wanted, before, after)
    # A dropped frame: what was seen last, and not what comes later.
    late = (periods[nearest] - wanted > 0.5) & (nearest > 0)
    frames = np.where(late, before, nearest)
    ticks_ns = stamps_ns[0] + np.rint((wanted + phase) * (1e9 / fps)).astype(np.int64)
    shown = len(np.unique(frames))
    return Ticks(ticks_ns, frames, len(frames) - shown, len(stamps_ns) - shown)
