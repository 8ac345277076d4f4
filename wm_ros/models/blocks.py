"""The transformer parts every model here is made of."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# Of the untrained places that are added to embedded tokens, whose numbers are about .6 large: places must be heard.
PLACE_STD = 0.3


def merged(states: Tensor, merge: int) -> Tensor:
    """States [..., N, D] with every `merge` neighbouring tokens as one: [..., N / merge, merge * D]."""
    return states if merge == 1 else states.unflatten(-2, (-1, merge)).flatten(-2)


class Attention(nn.Module):
    """Multi-head attention of `x` over `source`, with optional rotary positions and boolean mask."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if width % heads or (width // heads) % 2:
            raise ValueError(f"width {width} must split into {heads} heads of even size")
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.project = nn.Linear(width, width)

    def keys_values(self, source: Tensor, rotation: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Keys and values [B, heads, L, width / heads] of `source` [B, L, width]."""
        keys, values = self._split(self.key_value(source), 2)
        return (keys if rotation is None else rotate(keys, rotation)), values

    def forward(
        self,
        x: Tensor,
        keys_values: tuple[Tensor, Tensor],
        rotation: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        keys, values = keys_values
        if keys.shape[2] == 1:  # one place to look at: every query gets what is there
            return self.project(values.transpose(1, 2).flatten(2)).expand(-1, x.shape[1], -1)
        (query,) = self._split(self.query(x), 1)
        if rotation is not None:
            query = rotate(query, rotation)
        out = F.scaled_dot_product_attention(query, keys, values, attn_mask=mask)
        return self.project(out.transpose(1, 2).flatten(2))

    def of_one(self, source: Tensor) -> Tensor:
        """What `forward` gives of a single token [B, 1, W]; its keys are not even computed.

        Without gradients only: sums of another order would train other weights than those that are packaged.
        """
        width = source.shape[-1]
        return self.project(F.linear(source, self.key_value.weight[width:], self.key_value.bias[width:]))

    def _split(self, x: Tensor, parts: int) -> tuple[Tensor, ...]:
        batch, length, _ = x.shape
        return tuple(x.view(batch, length, parts, self.heads, -1).permute(2, 0, 3, 1, 4))


def rotation_table(frames: Tensor, size: int) -> Tensor:
    """Rotary table, cosines and sines [2, L, size / 2], for integer frame positions [L] and head size `size`."""
    frequencies = 1.0 / 100.0 ** (torch.arange(0, size, 2, device=frames.device) / size)
    angles = frames[:, None].to(frequencies.dtype) * frequencies
    return torch.stack([angles.cos(), angles.sin()])


def rotate(x: Tensor, table: Tensor) -> Tensor:
    """Rotate pairs of features of x [B, heads, L, size] by the rotary table [2, L, size / 2]."""
    cos, sin = table.to(x.dtype)
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-1).flatten(-2)


def mlp(width: int, ratio: int = 4) -> nn.Sequential:
    """The feed-forward part of a block."""
    return nn.Sequential(nn.Linear(width, ratio * width), nn.GELU(), nn.Linear(ratio * width, width))


def three_layers(inputs: int, width: int, outputs: int) -> tuple[nn.Module, ...]:
    """The layers of an MLP of three: vectors [..., inputs] to [..., outputs]."""
    return (
        nn.Linear(inputs, width),
        nn.SiLU(),
        nn.Linear(width, width),
        nn.SiLU(),
        nn.Linear(width, outputs),
    )


class Block(nn.Module):
    """Pre-norm transformer block; `source` None attends to itself."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm_attention, self.norm_mlp = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention, self.mlp = Attention(width, heads), mlp(width)

    def forward(self, x: Tensor, source: Tensor | None = None) -> Tensor:
        seen = self.norm_attention(x) if source is None else source
        if seen.shape[1] == 1 and not torch.is_grad_enabled():
            x = x + self.attention.of_one(seen)
        else:
            normed = seen if source is None else self.norm_attention(x)
            x = x + self.attention(normed, self.attention.keys_values(seen))
        return x + self.mlp(self.norm_mlp(x))

    def first(self, x: Tensor) -> Tensor:
        """What `forward` makes of the first of its inputs, [B, 1, width]; the others are attended to only."""
        normed = self.norm_attention(x)
        first = x[:, :1] + self.attention(normed[:, :1], self.attention.keys_values(normed))
        return first + self.mlp(self.norm_mlp(first))
