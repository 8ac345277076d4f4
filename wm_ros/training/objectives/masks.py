"""Space-time masks: a block of the picture, and one whole frame of a clip."""

from __future__ import annotations

import torch
from torch import Tensor

HIDDEN_SHARE = 0.5  # of the picture's side


def space_time_masks(clips: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """What is hidden of clips [B, T, 3, S, S]: pixels [B, T, 1, S, S], and frames [B, T], which are hidden as a whole.

    Of every clip a square of half the picture's side, at the same place in all frames, so that it cannot be copied from
    the frame before; and one whole frame, whichever.
    """
    count, frames, _, side, _ = clips.shape
    device, hidden = clips.device, round(HIDDEN_SHARE * clips.shape[-1])
    corner = torch.randint(0, side - hidden + 1, (count, 2), generator=generator, device=device)
    steps = torch.arange(side, device=device)
    inside = (steps >= corner[..., None]) & (steps < corner[..., None] + hidden)  # [B, 2, S]
    square = (inside[:, 0, :, None] & inside[:, 1, None, :])[:, None, None]
    chosen = torch.randint(0, frames, (count, 1), generator=generator, device=device)
    whole = torch.arange(frames, device=device) == chosen
    return square | whole[:, :, None, None, None], whole


def hide(clips: Tensor, pixels: Tensor) -> Tensor:
    """The clips with these pixels grey."""
    return clips.masked_fill(pixels, 0.0)
