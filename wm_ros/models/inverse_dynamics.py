"""Inverse dynamics: what happened between two frames, as a latent action."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from wm_ros.models.blocks import PLACE_STD, Block, merged


class InverseDynamics(nn.Module):
    """A small transformer over the tokens of both frames, read by one learned query.

    states before and after [B, N, D] -> [B, outputs]. [LAM] does not print this network; this one is ours. Of several
    tokens a frame most stay as they are, so that the second frame is shown as what has changed. merge: so many
    neighbouring tokens are seen as one.
    """

    def __init__(
        self, tokens: int, dim: int, outputs: int, *, width: int, depth: int, heads: int, merge: int = 1
    ) -> None:
        super().__init__()
        self.merge = merge
        self.embed = nn.Linear(merge * dim, width)
        self.embed_change = nn.Linear(merge * dim, width) if tokens > 1 else None
        # One place per token and frame, so that "before" and "after" cannot be mixed up.
        self.place = nn.Parameter(PLACE_STD * torch.randn(2, tokens // merge, width))
        self.query = nn.Parameter(0.02 * torch.randn(1, 1, width))
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.read = nn.Linear(width, outputs)

    def forward(self, before: Tensor, after: Tensor) -> Tensor:
        before, after = merged(before, self.merge), merged(after, self.merge)
        if self.embed_change is None:
            pair = self.embed(torch.stack([before, after], dim=1))
        else:
            pair = torch.stack([self.embed(before), self.embed_change(after - before)], dim=1)
        pair = pair + self.place
        x = torch.cat([self.query.expand(len(pair), -1, -1), pair.flatten(1, 2)], dim=1)
        for block in self.blocks[:-1]:
            x = block(x)
        last = cast(Block, self.blocks[-1])
        return self.read(self.norm(last.first(x)[:, 0]))
