"""An encoder that was trained elsewhere: input rule, backbone, pooling and normalisation as its card says."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from wm_ros.models.encoders.encoder import Backbone, Encoder
from wm_ros.models.encoders.preprocess import Preprocess

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
AT_A_TIME = 32  # frames: a batch of a hundred through a ViT-L takes gigabytes


class FrozenEncoder(Encoder):
    """Frames uint8 [B, H, W, 3] RGB of any size to tokens float32 [B, N, D]; every frame on its own.

    input: arguments of `Preprocess`. pool: mean over squares of pool x pool tokens. normalise: layer norm of every
    token without affine parameters, last. precision: of the backbone's weights and arithmetic.
    """

    def __init__(
        self,
        backbone: Backbone,
        input: dict[str, Any],
        pool: int = 1,
        normalise: bool = True,
        precision: str = "float32",
    ) -> None:
        super().__init__()
        if precision not in PRECISIONS:
            raise ValueError(f"precision of an encoder must be one of {list(PRECISIONS)}, got {precision!r}")
        if not isinstance(normalise, bool):
            raise ValueError(f"normalise of an encoder must be true or false, got {normalise!r}")
        if not isinstance(pool, int) or pool < 1 or backbone.side % pool:
            raise ValueError(
                f"pool of an encoder must divide its grid of {backbone.side} x {backbone.side} tokens, got {pool!r}"
            )
        self.preprocess = Preprocess(**input)
        self.backbone = backbone.to(PRECISIONS[precision])
        self.pool, self.normalise, self.precision = pool, normalise, PRECISIONS[precision]
        self.dim, self.grid = backbone.dim, backbone.side // pool
        self.tokens = self.grid**2

    def forward(self, frames: Tensor) -> Tensor:
        if len(frames) <= AT_A_TIME:
            return self.from_images(self.preprocess(frames))
        return torch.cat([self.from_images(self.preprocess(some)) for some in frames.split(AT_A_TIME)])

    def from_images(self, images: Tensor) -> Tensor:
        """Tokens [B, N, D] of preprocessed images [B, 3, size, size]."""
        tokens = self.backbone(images.to(self.precision)).float()
        if self.pool > 1:
            side, batch = self.backbone.side, len(tokens)
            grid = tokens.transpose(1, 2).reshape(batch, self.dim, side, side)
            tokens = F.avg_pool2d(grid, self.pool).flatten(2).transpose(1, 2)
        return F.layer_norm(tokens, (self.dim,)) if self.normalise else tokens.contiguous()

    def input_pictures(self, frames: Tensor) -> Tensor:
        return self.preprocess.levels(frames) / 255.0
