"""Frames as the encoders that this package trains see them: the centre square, shrunk, in -1 .. 1."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def centre_square(frames: Tensor, size: int, kind: torch.dtype) -> Tensor:
    """Frames uint8 [B, H, W, 3] to images [B, 3, size, size] of this kind: cropped, and area-resized."""
    height, width = frames.shape[1:3]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    images = frames[:, top : top + side, left : left + side].permute(0, 3, 1, 2).to(kind)
    if side != size:
        images = F.interpolate(images, size=(size, size), mode="area")
    return images / 127.5 - 1.0
