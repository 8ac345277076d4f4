"""Pixels as tokens: the control that shows what an encoder adds."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wm_ros.models.encoders.encoder import Backbone


class Pixels(Backbone):
    """Pictures [B, 3, size, size] cut into tokens [B, side * side, 3 * patch * patch], as a fixed convolution."""

    def __init__(self, size: int, patch: int) -> None:
        super().__init__()
        if size % patch:
            raise ValueError(f"pictures of {size} pixels do not divide into patches of {patch}")
        self.side, self.dim = size // patch, 3 * patch * patch
        self.cut = nn.Conv2d(3, self.dim, patch, patch, bias=False)
        with torch.no_grad():
            self.cut.weight.copy_(torch.eye(self.dim).view_as(self.cut.weight))

    def forward(self, pictures: Tensor) -> Tensor:
        return self.cut(pictures).flatten(2).transpose(1, 2)
