"""Inverse-dynamics supervision from the beginning of training [ACT]: of two frames, which command lay between them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wm_ros.training.standardised import Trained, raw_tokens, standardised

PAIRS = 16  # in a step
HIDDEN = 256
STILL = 1e-6


@dataclass(frozen=True)
class LabelledPairs:
    """Pairs of frames, some model steps apart, and the mean commands between them.

    images: from pairs [B], by number, to preprocessed images [B, 2, 3, S, S]. actions [C, A].
    """

    images: Callable[[np.ndarray], Tensor]
    actions: np.ndarray

    def head(self, encoder: Trained) -> nn.Module:
        """From the tokens of both frames [B, 2 N D] to the command [B, A] in standard deviations."""
        inputs = 2 * encoder.tokens * encoder.dim
        return nn.Sequential(nn.Linear(inputs, HIDDEN), nn.SiLU(), nn.Linear(HIDDEN, self.actions.shape[1]))

    def take(self, choose: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Images and commands, in standard deviations, of some pairs."""
        rows = choose.integers(0, len(self.actions), PAIRS)
        std = self.actions.std(axis=0)
        scale = np.where(std > STILL, std, 1.0)  # what never moves in a few episodes teaches nothing
        return self.images(rows), torch.from_numpy((self.actions[rows] / scale).astype(np.float32))

    def error(self, encoder: Trained, head: nn.Module, pairs: Tensor, actions: Tensor) -> Tensor:
        """Mean absolute error of the commands that the head tells."""
        tokens = standardised(raw_tokens(encoder, pairs.flatten(0, 1)))
        return F.l1_loss(head(tokens.flatten(1).unflatten(0, (-1, 2)).flatten(1)), actions)
