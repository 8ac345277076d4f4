"""The small transformer that completes the tokens of a clip."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wm_ros.models.blocks import PLACE_STD, Block
from wm_ros.training.objectives.objective import CLIP

WIDTH, DEPTH, HEADS = 64, 2, 4


class ClipPredictor(nn.Module):
    """Tokens [B, T, N, D] of a clip to guesses of all of them; of frames that are hidden, only the place is known."""

    def __init__(self, tokens: int, dim: int) -> None:
        super().__init__()
        self.embed = nn.Linear(dim, WIDTH)
        self.place = nn.Parameter(PLACE_STD * torch.randn(CLIP, tokens, WIDTH))
        self.unknown = nn.Parameter(torch.zeros(WIDTH))
        self.blocks = nn.ModuleList(Block(WIDTH, HEADS) for _ in range(DEPTH))
        self.norm = nn.LayerNorm(WIDTH)
        self.read = nn.Linear(WIDTH, dim)

    def forward(self, tokens: Tensor, hidden: Tensor) -> Tensor:
        """hidden: [B, T], the frames of which no token is seen."""
        x = torch.where(hidden[:, :, None, None], self.unknown, self.embed(tokens)) + self.place
        x = x.flatten(1, 2)
        for block in self.blocks:
            x = block(x)
        return self.read(self.norm(x)).view_as(tokens)
