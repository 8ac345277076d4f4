"""What every encoder is: frames in, tokens out, each frame on its own."""

from __future__ import annotations

from torch import Tensor, nn


class Encoder(nn.Module):
    """Frames uint8 [B, H, W, 3] RGB of any size to tokens float32 [B, tokens, dim]; frame-causal."""

    tokens: int
    dim: int
    views = 1  # how many cameras' pictures stand side by side in a frame
    grid: int | None = (
        None  # the side of the square on which the tokens lie, row by row; None: they lie on none
    )

    def from_images(self, images: Tensor) -> Tensor:
        """Tokens [B, tokens, dim] of images that `preprocess` made."""
        raise NotImplementedError

    def input_pictures(self, frames: Tensor) -> Tensor:
        """What the encoder sees of frames uint8 [B, H, W, 3], as pictures [B, 3, size, size] in 0 .. 1."""
        raise NotImplementedError


class Backbone(nn.Module):
    """Pictures [B, 3, size, size] to patch tokens [B, side * side, dim], row by row."""

    side: int
    dim: int
