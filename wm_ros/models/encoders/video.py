"""The encoder of several tokens a frame that this package trains itself, by what stays and what changes in video."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wm_ros.models.blocks import Block
from wm_ros.models.encoders.convolutions import CHANNELS, STRIDE, require_sizes, trunk
from wm_ros.models.encoders.encoder import Encoder
from wm_ros.models.encoders.square import centre_square

HEADS = 4


class VideoEncoder(Encoder):
    """A token for every 16 x 16 pixels: three strided convolutions, and transformer blocks in which the tokens meet.

    Frames uint8 [B, H, W, 3] RGB of any size are cropped to the centre square and area-resized to `size` pixels;
    tokens are [B, (size / 16)^2, dim], layer-normalised without affine parameters. Frame-causal: every frame is encoded
    on its own.
    """

    def __init__(self, size: int = 64, dim: int = 32, width: int = 48, depth: int = 2) -> None:
        super().__init__()
        require_sizes(size, dim, width)
        if not 0 <= depth <= 64:
            raise ValueError(f"depth must be from 0 to 64, got {depth}")
        self.size, self.tokens, self.dim = size, (size // STRIDE) ** 2, dim
        self.trunk = trunk(width)
        self.position = nn.Parameter(0.3 * torch.randn(self.tokens, CHANNELS))
        self.blocks = nn.ModuleList(Block(CHANNELS, HEADS) for _ in range(depth))
        self.norm = nn.LayerNorm(CHANNELS)
        self.read = nn.Linear(CHANNELS, dim)

    def forward(self, frames: Tensor) -> Tensor:
        return self.from_images(self.preprocess(frames))

    def from_images(self, images: Tensor) -> Tensor:
        """Tokens [B, tokens, dim] of preprocessed images."""
        x = self.trunk(images).flatten(2).transpose(1, 2) + self.position
        for block in self.blocks:
            x = block(x)
        return F.layer_norm(self.read(self.norm(x)), (self.dim,))

    def preprocess(self, frames: Tensor) -> Tensor:
        """Frames uint8 [B, H, W, 3] to images float [B, 3, size, size] in -1 .. 1."""
        return centre_square(frames, self.size, self.position.dtype)
