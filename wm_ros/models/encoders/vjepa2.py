"""The V-JEPA 2 encoder [VJ2], one frame at a time, with the key names of the published `.pt` files."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wm_ros.models.encoders.encoder import Backbone
from wm_ros.models.rotary import rotary_table
from wm_ros.models.rotary_blocks import EPSILON, RotaryBlock


class PatchEmbed(nn.Module):
    """Patches of a tubelet of frames to tokens; holds the weights [width, 3, tubelet, patch, patch]."""

    def __init__(self, width: int, patch: int, tubelet: int) -> None:
        super().__init__()
        self.patch = patch
        self.proj = nn.Conv3d(3, width, (tubelet, patch, patch), (tubelet, patch, patch))

    def forward(self, pictures: Tensor) -> Tensor:
        """Tokens [B, N, width] of pictures [B, 3, S, S], each repeated to fill a tubelet.

        Equal frames meet the sum of the tubelet's kernels, which is half the work.
        """
        patches = pictures.unflatten(3, (-1, self.patch)).unflatten(2, (-1, self.patch))
        rows = patches.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)
        return F.linear(rows, self.proj.weight.sum(dim=2).flatten(1), self.proj.bias)


class VJepa2(Backbone):
    """Pictures [B, 3, size, size] to tokens [B, (size / patch)^2, width], as transformers' VJEPA2Model makes them of
    each picture repeated to fill a tubelet.

    layer: tokens after so many of the `depth` blocks, without the final norm; None: after all, with it. Later blocks
    are neither run nor kept.
    """

    def __init__(
        self,
        size: int,
        *,
        width: int,
        depth: int,
        heads: int,
        hidden: int,
        patch: int = 16,
        tubelet: int = 2,
        layer: int | None = None,
    ) -> None:
        super().__init__()
        if size % patch:
            raise ValueError(f"pictures of {size} pixels do not divide into patches of {patch}")
        if layer is not None and not 1 <= layer <= depth:
            raise ValueError(f"layer must be from 1 to {depth}, the number of blocks, got {layer}")
        self.side, self.dim = size // patch, width
        self.patch_embed = PatchEmbed(width, patch, tubelet)
        self.blocks = nn.ModuleList(RotaryBlock(width, heads, hidden) for _ in range(layer or depth))
        self.norm = nn.LayerNorm(width, EPSILON) if layer is None else nn.Identity()
        places = torch.cartesian_prod(torch.arange(self.side), torch.arange(self.side))
        table = rotary_table(F.pad(places, (1, 0)), width // heads)
        self.register_buffer("table", table, persistent=False)

    def forward(self, pictures: Tensor) -> Tensor:
        x = self.patch_embed(pictures)
        for block in self.blocks:
            x = block(x, self.table)
        return self.norm(x)
