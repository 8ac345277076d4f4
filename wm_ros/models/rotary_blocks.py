"""The transformer block of V-JEPA 2, with the names its published weights have."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wm_ros.models.rotary import rotate

EPSILON = 1e-6  # of the layer norms


class KVCache:
    """Keys and values [B, heads, L, head] that one block has seen, of sequences that are continued."""

    def __init__(self) -> None:
        self._seen: tuple[Tensor, Tensor] | None = None

    def extended(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """All so far, with these behind them, which are kept."""
        if self._seen is not None:
            keys, values = torch.cat([self._seen[0], keys], dim=2), torch.cat([self._seen[1], values], dim=2)
        self._seen = keys, values
        return keys, values


class RotaryAttention(nn.Module):
    """Multi-head attention of x [B, L, width] over itself and what `past` has seen."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if width % heads or width // heads < 6:
            raise ValueError(f"width {width} must split into {heads} heads of at least 6 features")
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(
        self, x: Tensor, table: Tensor, mask: Tensor | None = None, past: KVCache | None = None
    ) -> Tensor:
        qkv = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        (query, keys), values = rotate(qkv[:2], table), qkv[2]
        if past is not None:
            keys, values = past.extended(keys, values)
        attended = F.scaled_dot_product_attention(query, keys, values, attn_mask=mask)
        return self.proj(attended.transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    """The feed-forward part."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class RotaryBlock(nn.Module):
    """Pre-norm block on x [B, L, width].

    table: [2, L, head] of `rotary_table`. mask: bool [L, L], where a token may look. past: the sequence before x.
    """

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, EPSILON), nn.LayerNorm(width, EPSILON)
        self.attn, self.mlp = RotaryAttention(width, heads), Mlp(width, hidden)

    def forward(
        self, x: Tensor, table: Tensor, mask: Tensor | None = None, past: KVCache | None = None
    ) -> Tensor:
        x = x + self.attn(self.norm1(x), table, mask, past)
        return x + self.mlp(self.norm2(x))
