"""What probes are given of a frame: all numbers of all its tokens, of many their leading principal components."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

MOST_NUMBERS = 512
COMPARED_FRAMES = 2048  # from which components are found
BATCH = 64

Frames = Callable[[np.ndarray], np.ndarray]  # from rows [B] to frames uint8 [B, H, W, 3]


class Features:
    """Numbers [B, D] of frames, by an encoder; D is at most 512. The components are those of the fitted episodes."""

    def __init__(self, encoder: nn.Module, frames: Frames, fitted: np.ndarray) -> None:
        self._encoder = encoder
        self._pca = None
        chosen = np.random.default_rng(0).permutation(np.unique(fitted))[:COMPARED_FRAMES]
        numbers = self._numbers(frames, np.sort(chosen))
        if numbers.shape[1] > MOST_NUMBERS:
            from sklearn.decomposition import PCA

            count = min(MOST_NUMBERS, *numbers.shape)
            self._pca = PCA(count, svd_solver="randomized", random_state=0).fit(numbers)

    def __call__(self, frames: Frames, rows: np.ndarray) -> np.ndarray:
        """Features [..., D] float32 of rows [...], each of which is encoded once."""
        names, of = np.unique(rows, return_inverse=True)
        return self._reduced(frames, names)[of.reshape(rows.shape)]

    def _reduced(self, frames: Frames, rows: np.ndarray) -> np.ndarray:
        parts = []
        for some in np.array_split(rows, max(1, len(rows) // (8 * BATCH))):
            numbers = self._numbers(frames, some)
            parts.append(numbers if self._pca is None else self._pca.transform(numbers))
        return np.concatenate(parts).astype(np.float32)

    @torch.no_grad()
    def _numbers(self, frames: Frames, rows: np.ndarray) -> np.ndarray:
        parts = [
            self._encoder(torch.from_numpy(frames(some))).flatten(1).float()
            for some in np.array_split(rows, max(1, len(rows) // BATCH))
        ]
        return torch.cat(parts).numpy()


def effective_dimensions(features: np.ndarray) -> float:
    """How many dimensions features [B, D] have, counted by their variance: 1 where all lies on a line."""
    values = np.linalg.eigvalsh(np.cov(features.T.astype(np.float64)))
    return float(values.sum() ** 2 / max(np.square(values).sum(), 1e-12))
