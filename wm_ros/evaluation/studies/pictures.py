"""What an encoder that was trained here makes of the pictures that were kept of every bag."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from wm_ros.evaluation.dataset.dataset import Clips, EvaluationDataset

BATCH = 128


@torch.no_grad()
def picture_tokens(encoder: nn.Module, dataset: EvaluationDataset) -> list[np.ndarray]:
    """Tokens [S, N, D] of all pictures of each bag."""
    encoder.eval()
    found = []
    for bag in dataset.bags:
        pictures = bag.array("pictures")
        batches = range(0, len(pictures), BATCH)
        tokens = [encoder(torch.from_numpy(pictures[start : start + BATCH].copy())) for start in batches]
        found.append(torch.cat(tokens).numpy())
    return found


def picture_features(dataset: EvaluationDataset, tokens: list[np.ndarray]) -> Callable[[Clips], np.ndarray]:
    """The mean tokens [C, T, D] of clips of frames that were kept as pictures."""
    means = [some.mean(axis=1) for some in tokens]
    return lambda clips: dataset.gather_rows(means, clips.bag, dataset.picture_indices(clips))
