"""Objectives that draw pictures: the hidden part of a clip, as VideoMAE, or a frame from its own tokens, as a VAE."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from wm_ros.training.encoder import ForegroundDecoder
from wm_ros.training.objectives.clip_predictor import ClipPredictor
from wm_ros.training.objectives.masks import hide, space_time_masks
from wm_ros.training.objectives.objective import Objective
from wm_ros.training.standardised import Trained, raw_tokens, standardised


class MaskedPixels(Objective):
    """Squared error of the hidden pixels of a clip, at half the resolution; 1 is that of one mean colour."""

    def __init__(self, encoder: Trained) -> None:
        super().__init__()
        self.predictor = ClipPredictor(encoder.tokens, encoder.dim)
        self.decoder = ForegroundDecoder(encoder.tokens * encoder.dim, encoder.size)

    def forward(
        self, encoder: Trained, clips: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        pixels, frames = space_time_masks(clips, generator)
        seen = standardised(raw_tokens(encoder, hide(clips, pixels).flatten(0, 1)))
        completed = self.predictor(seen.unflatten(0, frames.shape), frames)
        drawn = self.decoder(completed.flatten(0, 1).flatten(1))
        wanted = F.avg_pool2d(clips.flatten(0, 1), 2)
        hidden = F.avg_pool2d(pixels.expand(*frames.shape, 1, -1, -1).flatten(0, 1).to(clips.dtype), 2)
        missed = ((drawn - wanted).square() * hidden).sum() / (3.0 * hidden.sum())
        error = missed / wanted.var()
        return error, {"redrawn": error.item()}


class Redrawing(Objective):
    """Squared error of a frame that is drawn from its own tokens, at half the resolution; 1 is one mean colour."""

    frames = 1

    def __init__(self, encoder: Trained) -> None:
        super().__init__()
        self.decoder = ForegroundDecoder(encoder.tokens * encoder.dim, encoder.size)

    def forward(
        self, encoder: Trained, clips: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        images = clips[:, 0]
        drawn = self.decoder(standardised(raw_tokens(encoder, images)).flatten(1))
        wanted = F.avg_pool2d(images, 2)
        error = F.mse_loss(drawn, wanted) / wanted.var()
        return error, {"redrawn": error.item()}
