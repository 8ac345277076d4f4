"""The small convolutional encoder that this package trains itself, from recorded video alone."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from wm_ros.models.encoders.encoder import Encoder


class TinyEncoder(Encoder):
    """One token per frame: three strided convolutions and a small read-out.

    Frames uint8 [B, H, W, 3] RGB of any size are cropped to the centre square and area-resized to `size` pixels;
    tokens are [B, 1, dim]. Frame-causal: every frame is encoded on its own.
    """

    def __init__(self, size: int = 64, dim: int = 16, width: int = 48) -> None:
        super().__init__()
        if not (0 < size <= 512 and 0 < width <= 512 and 0 < dim <= 4096) or size % 16 or width % 8:
            raise ValueError(
                "size must be a multiple of 16 and width of 8, both in 1 .. 512, and dim in 1 .. 4096, "
                f"got {size}, {width} and {dim}"
            )
        self.size, self.tokens, self.dim, self.width = size, 1, dim, width
        self.trunk = nn.Sequential(
            *_stage(3, width, kernel=8, stride=4),
            *_stage(width, 2 * width, kernel=4, stride=2),
            *_stage(2 * width, 128, kernel=4, stride=2),
        )
        features = 128 * (size // 16) ** 2
        self.head = nn.Sequential(nn.Linear(features, 256), nn.LayerNorm(256), nn.SiLU(), nn.Linear(256, dim))

    def forward(self, frames: Tensor) -> Tensor:
        return self.from_images(self.preprocess(frames))

    def from_images(self, images: Tensor) -> Tensor:
        """Tokens [B, 1, dim] of preprocessed images."""
        return self.head(self.trunk(images).flatten(1)).unsqueeze(1)

    def preprocess(self, frames: Tensor) -> Tensor:
        """Frames uint8 [B, H, W, 3] to images float [B, 3, size, size] in -1 .. 1."""
        height, width = frames.shape[1:3]
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        square = frames[:, top : top + side, left : left + side].permute(0, 3, 1, 2)
        images = square.to(next(self.parameters()).dtype)
        if side != self.size:
            images = F.interpolate(images, size=(self.size, self.size), mode="area")
        return images / 127.5 - 1.0


def _stage(before: int, after: int, kernel: int, stride: int) -> tuple[nn.Module, ...]:
    convolution = nn.Conv2d(before, after, kernel, stride, padding=(kernel - stride) // 2)
    return convolution, nn.GroupNorm(8, after), nn.SiLU()
