"""What an encoder that was trained here makes of the pictures that were kept of every bag."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from wm_ros.evaluation.evidence.parts import Chains, Evidence

BATCH = 128


@torch.no_grad()
def picture_tokens(encoder: nn.Module, evidence: Evidence) -> list[np.ndarray]:
    """Tokens [S, N, D] of all pictures of each part."""
    encoder.eval()
    found = []
    for part in evidence.parts:
        pictures = part.array("pictures")
        batches = range(0, len(pictures), BATCH)
        tokens = [encoder(torch.from_numpy(pictures[start : start + BATCH].copy())) for start in batches]
        found.append(torch.cat(tokens).numpy())
    return found


def picture_features(evidence: Evidence, tokens: list[np.ndarray]) -> Callable[[Chains], np.ndarray]:
    """The mean tokens [C, T, D] of chains of pictured frames."""
    means = [some.mean(axis=1) for some in tokens]
    return lambda chains: evidence.collect(means, chains.part, evidence.places(chains))
