"""One encoder for the pictures of several cameras: the same weights for each, and tokens one camera after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor

from wm_ros.models.encoders.encoder import Encoder


class SeveralViews(Encoder):
    """Frames uint8 [B, S, C * S, 3], the squares of C cameras side by side, to tokens [B, C * N, D] of an encoder of N.

    All cameras' pictures are one batch to the encoder, which knows nothing of cameras. Images are those of the encoder
    with the cameras' colours one after the other: [B, C * 3, size, size].

    mean, std: by which every number of each camera's tokens is standardised; 0 and 1 where the encoder does that.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, encoder: Encoder, views: int) -> None:
        super().__init__()
        self.encoder, self.views = encoder, views
        self.tokens, self.dim = views * encoder.tokens, encoder.dim
        self.register_buffer("mean", torch.zeros(self.tokens, self.dim))
        self.register_buffer("std", torch.ones(self.tokens, self.dim))

    @property
    def size(self) -> int:
        """Pixels of a side of each camera's picture, as the encoder sees it."""
        return cast(int, self.encoder.size)

    def forward(self, frames: Tensor) -> Tensor:
        tokens = self.encoder(in_views(frames, self.views))
        return (tokens.reshape(len(frames), self.tokens, self.dim) - self.mean) / self.std

    def from_images(self, images: Tensor) -> Tensor:
        """Tokens [B, C * N, D] of images [B, C * 3, size, size]."""
        return (self.each(self.encoder.from_images, images) - self.mean) / self.std

    def keypoints(self, images: Tensor) -> Tensor:
        """The tokens of keypoints before they are standardised."""
        return self.each(cast(Callable[[Tensor], Tensor], self.encoder.keypoints), images)

    def each(self, function: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
        """Tokens [B, C * N, D] by a function of the images [B * C, 3, size, size] of single cameras."""
        return function(images.unflatten(1, (self.views, 3)).flatten(0, 1)).reshape(
            len(images), self.tokens, self.dim
        )

    def preprocess(self, frames: Tensor) -> Tensor:
        """Frames [B, S, C * S, 3] to images [B, C * 3, size, size]."""
        preprocess = cast(Callable[[Tensor], Tensor], self.encoder.preprocess)
        images = preprocess(in_views(frames, self.views))
        return images.unflatten(0, (len(frames), self.views)).flatten(1, 2)

    def input_pictures(self, frames: Tensor) -> Tensor:
        """What is seen of each camera side by side: [B, 3, size, C * size] in 0 .. 1."""
        seen = self.encoder.input_pictures(in_views(frames, self.views)).unflatten(
            0, (len(frames), self.views)
        )
        return torch.cat(list(seen.unbind(1)), dim=-1)


def in_views(frames: Tensor, views: int) -> Tensor:
    """Frames [B, S, C * S, 3] of C cameras side by side as frames [B * C, S, S, 3] of one."""
    if views == 1:
        return frames
    batch, height, width, colours = frames.shape
    if width != views * height:
        raise ValueError(
            f"frames of {views} cameras must be [B, S, {views} * S, 3], their squares side by side, got "
            f"{list(frames.shape)}"
        )
    return frames.view(batch, height, views, height, colours).transpose(1, 2).flatten(0, 1)


def per_view(encoder: Encoder) -> Encoder:
    """The encoder of one camera's pictures behind that of all."""
    return encoder.encoder if isinstance(encoder, SeveralViews) else encoder
