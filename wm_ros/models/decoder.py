"""From states back to pictures, for people to look at; nothing that plans or trains a world model ever uses it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

CHANNELS = (64, 48, 32, 24, 16, 8)  # from the coarse map on, at every doubling of its side
CELLS, MOST_CELLS = 8, 16  # a side of the coarse map
SIZES = (16, 32, 64, 128, 256)  # pixels of a side


class Decoder(nn.Module):
    """States [B, tokens, dim] to pictures [B, 3, size, size]: the mean picture, and what differs from it.

    Black is 0 and white 1; what lies beyond is for the reader to clip.

    grid: the side of the square on which the tokens lie, row by row, so that each draws where it lies; None: they lie
    on none, such as keypoints, and each place of a coarse map learns from all of them.
    """

    background: Tensor

    def __init__(self, tokens: int, dim: int, size: int, grid: int | None = None) -> None:
        super().__init__()
        if size not in SIZES:
            raise ValueError(
                f"a decoder draws pictures of {', '.join(map(str, SIZES))} pixels, not of {size!r}"
            )
        if grid is not None and grid * grid != tokens:
            raise ValueError(f"{tokens} tokens are no grid of {grid} x {grid}")
        self.shape: dict[str, Any] = {"tokens": tokens, "dim": dim, "size": size, "grid": grid}
        self.cells = min(MOST_CELLS if grid is not None and grid > CELLS else CELLS, size // 2)
        self.norm = nn.LayerNorm(dim, elementwise_affine=False) if grid is not None else nn.Identity()
        places = 1 if grid is not None else self.cells**2
        self.first = nn.Linear(dim if grid is not None else tokens * dim, CHANNELS[0] * places)
        layers: list[nn.Module] = [*_active(CHANNELS[0]), nn.Conv2d(CHANNELS[0], CHANNELS[0], 3, padding=1)]
        doublings = (size // self.cells).bit_length() - 1
        for before, after in zip(CHANNELS, (*CHANNELS[1:doublings], 3), strict=False):
            layers += [*_active(before), nn.ConvTranspose2d(before, after, 4, 2, 1)]
        for parameter in layers[-1].parameters():  # begins with the mean picture
            nn.init.zeros_(parameter)
        self.rest = nn.Sequential(*layers)
        self.register_buffer("background", torch.zeros(3, size, size))

    def begin_with(self, mean: Tensor) -> None:
        """Take the mean picture [3, size, size] in 0 .. 1 of what it will train on."""
        self.background.copy_(mean)

    def forward(self, states: Tensor) -> Tensor:
        side = self.shape["grid"]
        if side is None:
            coarse = self.first(states.flatten(1)).unflatten(1, (CHANNELS[0], self.cells, self.cells))
        else:
            coarse = self.first(self.norm(states)).transpose(1, 2).unflatten(2, (side, side))
            if side != self.cells:
                coarse = F.interpolate(
                    coarse, size=(self.cells, self.cells), mode="bilinear", antialias=side > self.cells
                )
        return self.background + self.rest(coarse)


@torch.no_grad()
def draw(decoder: Decoder, states: Tensor) -> np.ndarray:
    """Pictures uint8 [B, size, size, 3] RGB of states [B, N, D] on the decoder's device."""
    pictures = decoder(states).clamp(0.0, 1.0)
    return (255.0 * pictures.permute(0, 2, 3, 1)).round().byte().cpu().numpy()


def _active(channels: int) -> tuple[nn.Module, nn.Module]:
    return nn.GroupNorm(8, channels), nn.SiLU()
