"""Statistics of a LeRobot dataset's columns and pictures, as its policies normalise with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

QUANTILES = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}
# Of an episode, which are enough: neighbouring frames and pixels are alike.
PICTURES, PIXELS_A_SIDE = 100, 150

Stats = dict[str, Any]


def column_stats(values: np.ndarray) -> Stats:
    """Least, largest, mean, deviation, quantiles [D] and count [1] of the rows of a column [R, D]."""
    values = values.astype(np.float64)
    stats = {
        "min": values.min(axis=0),
        "max": values.max(axis=0),
        "mean": values.mean(axis=0),
        "std": values.std(axis=0),
        **dict(zip(QUANTILES, np.quantile(values, list(QUANTILES.values()), axis=0), strict=True)),
    }
    return {**{name: value.tolist() for name, value in stats.items()}, "count": [len(values)]}


class PictureStats:
    """The levels of each colour of one episode's pictures; some of the pictures and pixels are looked at."""

    def __init__(self, length: int) -> None:
        self._looked_at = set(np.linspace(0, length - 1, min(length, PICTURES)).round().astype(int).tolist())
        self.levels = np.zeros((3, 256), dtype=np.int64)
        self.count = 0

    def add(self, number: int, picture: np.ndarray) -> None:
        """Picture [H, W, 3] uint8 of this number in the episode."""
        if number not in self._looked_at:
            return
        stride = max(1, min(picture.shape[:2]) // PIXELS_A_SIDE)
        for colour, counts in enumerate(self.levels):
            counts += np.bincount(picture[::stride, ::stride, colour].ravel(), minlength=256)
        self.count += 1


def picture_stats(parts: Sequence[PictureStats]) -> Stats:
    """The same as of columns, each [3, 1, 1] and of levels in [0, 1]; count [1] is that of pictures."""
    levels = np.sum([part.levels for part in parts], axis=0)
    share = levels / levels.sum(axis=1, keepdims=True)
    level = np.arange(256) / 255.0
    mean = share @ level
    reached = np.cumsum(share, axis=1)
    stats = {
        "min": level[(levels > 0).argmax(axis=1)],
        "max": level[255 - (levels[:, ::-1] > 0).argmax(axis=1)],
        "mean": mean,
        "std": np.sqrt(np.maximum(share @ level**2 - mean**2, 0.0)),
        **{name: level[(reached >= part).argmax(axis=1)] for name, part in QUANTILES.items()},
    }
    shaped = {name: value.reshape(3, 1, 1).tolist() for name, value in stats.items()}
    return {**shaped, "count": [sum(part.count for part in parts)]}
