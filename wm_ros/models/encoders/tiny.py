"""The small convolutional encoder that this package trains itself, from recorded video alone."""

from __future__ import annotations

from torch import Tensor, nn

from wm_ros.models.encoders.convolutions import CHANNELS, STRIDE, require_sizes, trunk
from wm_ros.models.encoders.encoder import Encoder
from wm_ros.models.encoders.square import centre_square


class TinyEncoder(Encoder):
    """One token per frame: three strided convolutions and a small read-out.

    Frames uint8 [B, H, W, 3] RGB of any size are cropped to the centre square and area-resized to `size` pixels;
    tokens are [B, 1, dim]. Frame-causal: every frame is encoded on its own.
    """

    def __init__(self, size: int = 64, dim: int = 16, width: int = 48) -> None:
        super().__init__()
        require_sizes(size, dim, width)
        self.size, self.tokens, self.dim, self.width = size, 1, dim, width
        self.trunk = trunk(width)
        features = CHANNELS * (size // STRIDE) ** 2
        self.head = nn.Sequential(nn.Linear(features, 256), nn.LayerNorm(256), nn.SiLU(), nn.Linear(256, dim))

    def forward(self, frames: Tensor) -> Tensor:
        return self.from_images(self.preprocess(frames))

    def from_images(self, images: Tensor) -> Tensor:
        """Tokens [B, 1, dim] of preprocessed images."""
        return self.head(self.trunk(images).flatten(1)).unsqueeze(1)

    def preprocess(self, frames: Tensor) -> Tensor:
        """Frames uint8 [B, H, W, 3] to images float [B, 3, size, size] in -1 .. 1."""
        return centre_square(frames, self.size, next(self.parameters()).dtype)

    def input_pictures(self, frames: Tensor) -> Tensor:
        return self.preprocess(frames) / 2 + 0.5
