"""Masked latent prediction with a slow teacher, as in [VJ2]: what a hidden part of a clip means, not how it looks."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor
from torch.nn import functional as F

from wm_ros.training.objectives.clip_predictor import ClipPredictor
from wm_ros.training.objectives.masks import hide, space_time_masks
from wm_ros.training.objectives.objective import Objective
from wm_ros.training.standardised import Trained, raw_tokens, standardised

# [VJ2] has .99925 over 90 000 steps or more; here a training has hundreds.
KEPT = 0.99


class MaskedLatents(Objective):
    """L1 between the tokens that a predictor guesses from a masked clip, and those that the teacher sees in the whole.

    The teacher is the mean of the encoder over its last hundred steps. Both sides are standardised over the batch,
    which leaves no way to make the error small by making all frames alike.
    """

    def __init__(self, encoder: Trained) -> None:
        super().__init__()
        self.teacher = deepcopy(encoder).requires_grad_(False)
        self.predictor = ClipPredictor(encoder.tokens, encoder.dim)

    def forward(
        self, encoder: Trained, clips: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        pixels, frames = space_time_masks(clips, generator)
        with torch.no_grad():
            for slow, fast in zip(self.teacher.parameters(), encoder.parameters(), strict=True):
                slow.lerp_(fast, 1.0 - KEPT)
            wanted = standardised(raw_tokens(self.teacher, clips.flatten(0, 1)))
        seen = standardised(raw_tokens(encoder, hide(clips, pixels).flatten(0, 1)))
        guess = self.predictor(seen.unflatten(0, frames.shape), frames)
        error = F.l1_loss(guess.flatten(0, 1), wanted)
        return error, {"masked": error.item()}
