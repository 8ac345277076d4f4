"""What every objective is: clips of frames in, a loss out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wm_ros.training.standardised import Trained

CLIP = 4  # frames of a clip, a model step apart


class Objective(nn.Module):
    """A loss for an encoder, with the networks that it needs beside it; they are thrown away after training."""

    frames = CLIP  # that are shown at once: CLIP, or 1

    def forward(
        self, encoder: Trained, clips: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        """Loss and figures of preprocessed clips [B, frames, 3, size, size]; all that is drawn is by the generator."""
        raise NotImplementedError
