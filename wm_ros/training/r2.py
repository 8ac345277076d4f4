"""The share of the variance that a prediction explains."""

from __future__ import annotations

import numpy as np


def r2(true: np.ndarray, predicted: np.ndarray) -> float | None:
    """Share of the variance explained, averaged over the components of [S, A]; below 0 is worse than the mean.

    None when a component does not vary.
    """
    total = np.square(true - true.mean(axis=0)).sum(axis=0) if len(true) else np.zeros(1)
    if not (total > 0.0).all():
        return None
    return float((1.0 - np.square(true - predicted).sum(axis=0) / total).mean())
