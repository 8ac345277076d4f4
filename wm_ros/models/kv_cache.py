"""Keys and values of finished frames: what a block of the forward model remembers while it imagines."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F


class KVCache:
    """What one block remembers: frames that were observed, shared by all candidates, and each candidate's own.

    shared: keys and values of the observed frames, [1, heads, L, size] each, or None; all candidates read them, and
    they are never copied. own: room for the keys and values of all frames to come but the last,
    [S, (frames - 1) * N, 2, heads, size], so that a frame more moves nothing. last: room for all, where they are put
    together for the last frame: as nobody asks for that one again, all blocks have it in common.
    """

    def __init__(self, shared: tuple[Tensor, Tensor] | None, own: Tensor, last: Tensor) -> None:
        self._shared, self._own, self._last, self._length = shared, own, last, 0

    def attend(self, query: Tensor, keys_values: Tensor, rotation: Tensor) -> Tensor:
        """Remember a frame, and what its tokens get to see: query [S, N, W], keys_values [S, N, 2 W] -> [S, N, W].

        rotation: cosines and sines [size / 2, 2] of the frame's position.
        """
        batch, tokens, width = query.shape
        start, self._length = self._length, self._length + tokens
        own = self._own
        if self._length > own.shape[1]:
            own = self._last
            own[:, :start].copy_(self._own)
        frame = own[:, start : self._length]
        frame.copy_(keys_values.view_as(frame))
        query = query.view(batch, tokens, *frame.shape[3:])
        if start or self._shared is not None:  # at the very first position nothing turns
            query = turned(query, rotation)
            frame[:, :, 0] = turned(frame[:, :, 0], rotation)
        elif tokens == 1:
            return keys_values[..., width:]  # the token sees itself alone: its value, whatever the question
        keys, values = own[:, : self._length].unbind(dim=2)
        if self._shared is not None:
            out = _with_shared(query, keys, values, *self._shared)
        elif tokens == 1:
            out = _of_one(query, keys, values)
        else:
            query, keys, values = (part.transpose(1, 2) for part in (query, keys, values))
            out = F.scaled_dot_product_attention(query, keys, values).transpose(1, 2)
        return out.reshape(batch, tokens, width)


def turned(x: Tensor, rotation: Tensor) -> Tensor:
    """Rotate pairs of features of x [..., size] by cosines and sines [size / 2, 2]; as `rotate`.

    As one complex product, three to five times as fast on a CPU; a compiler can write code only for real numbers.
    """
    pairs = x.float().unflatten(-1, (-1, 2))
    if torch.compiler.is_compiling():
        (even, odd), (cos, sin) = pairs.unbind(-1), rotation.unbind(-1)
        after = torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-1)
    else:
        after = torch.view_as_real(torch.view_as_complex(pairs) * torch.view_as_complex(rotation))
    return after.flatten(-2).to(x.dtype)


def _of_one(query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Attention [S, 1, heads, size] of one token each: so small that plain products beat matrix products."""
    scores = (query * keys).sum(dim=-1, keepdim=True).mul_(query.shape[-1] ** -0.5)
    return (scores.softmax(dim=1) * values).sum(dim=1, keepdim=True)


def _with_shared(
    query: Tensor, keys: Tensor, values: Tensor, shared_keys: Tensor, shared_values: Tensor
) -> Tensor:
    """Attention [S, N, heads, size] over shared keys and own ones: two attentions merged by their log-sum-exp.

    query [S, N, heads, size], own keys and values [S, L, heads, size], shared ones [1, heads, M, size]. To the shared
    ones the tokens of all candidates are one long question, so that the product is one and nothing is repeated.
    """
    batch, tokens = query.shape[:2]
    query = query / math.sqrt(query.shape[-1])
    together = query.flatten(0, 1).transpose(0, 1)  # [heads, S * N, size]
    scores = together @ shared_keys[0].transpose(-1, -2)
    weight = scores.logsumexp(dim=-1, keepdim=True)
    seen = torch.exp(scores.sub_(weight)) @ shared_values[0]
    seen, weight = (part.unflatten(1, (batch, tokens)).permute(1, 2, 0, 3) for part in (seen, weight))
    own_scores = torch.einsum("snhd,slhd->snhl", query, keys)
    own_weight = own_scores.logsumexp(dim=-1, keepdim=True)
    own = torch.einsum("snhl,slhd->snhd", torch.exp(own_scores.sub_(own_weight)), values)
    return torch.lerp(own, seen, torch.sigmoid(weight - own_weight))
