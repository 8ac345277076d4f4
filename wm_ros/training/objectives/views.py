"""Two distorted views of one frame must mean the same, as in DINO; time plays no part."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from wm_ros.training.objectives.objective import Objective
from wm_ros.training.sigreg import token_sigreg
from wm_ros.training.standardised import Trained, raw_tokens, standardised

SHIFT = 4  # pixels by which a view is moved at most
LIGHT = 0.4  # share by which a view is brightened or darkened at most
# With 1, tokens of 8 numbers kept little more than one, the light.
SIGREG_WEIGHT = 10.0


class TwoViews(Objective):
    """Squared difference of the tokens of two views of a frame, each moved and lit in its own way, and SIGReg."""

    frames = 1

    def __init__(self, encoder: Trained) -> None:
        super().__init__()

    def forward(
        self, encoder: Trained, clips: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        # Half of the frames, so that as many pictures go through the encoder as with the other objectives.
        images = clips[: max(2, len(clips) // 2), 0]
        both = torch.cat([view(images, generator) for _ in range(2)])
        tokens = standardised(raw_tokens(encoder, both))
        one, other = tokens.chunk(2)
        apart, gaussian = F.mse_loss(one, other), token_sigreg(tokens, generator)
        return apart + SIGREG_WEIGHT * gaussian, {"apart": apart.item(), "sigreg": gaussian.item()}


def view(images: Tensor, generator: torch.Generator) -> Tensor:
    """Images [B, 3, size, size] moved by a few pixels and lit otherwise, each in its own way."""
    count, size, device = len(images), images.shape[-1], images.device
    shift = torch.randint(-SHIFT, SHIFT + 1, (count, 2), generator=generator, device=device)
    steps = torch.arange(size, device=device)
    rows = (steps + shift[:, :1]).clamp(0, size - 1)[:, None, :, None].expand_as(images)
    columns = (steps + shift[:, 1:]).clamp(0, size - 1)[:, None, None, :].expand_as(images)
    moved = images.gather(2, rows).gather(3, columns)
    light = 1.0 + LIGHT * (2.0 * torch.rand(count, 1, 1, 1, generator=generator, device=device) - 1.0)
    return ((moved + 1.0) * light - 1.0).clamp(-1.0, 1.0)
