"""Rotary positions as V-JEPA 2 has them: no rotations, by a published slip that its weights were trained with."""

from __future__ import annotations

import torch
from torch import Tensor


def axis_size(head: int) -> int:
    """Features of a head of this size that each of the three axes, time, row and column, turns."""
    return 2 * (head // 3 // 2)


def rotary_table(positions: Tensor, head: int) -> Tensor:
    """Cosines and sines [2, L, head] of positions [L, 3] (time, row, column); features past the three axes stay.

    The frequencies f1, f2, ... are laid out as f1 f2 .. f1 f2 .. over the features, but features are turned in
    neighbouring pairs, so that the two of a pair turn by different angles. Scores then depend on the positions
    themselves and not only on their differences. float32: angles are precise whatever the network's precision.
    """
    size = axis_size(head)
    frequencies = 1.0 / 10000 ** (
        torch.arange(size // 2, dtype=torch.float32, device=positions.device) / (size / 2)
    )
    angles = (positions.float()[:, :, None] * frequencies).repeat(1, 1, 2).flatten(1)
    still = angles.new_zeros(len(positions), head - angles.shape[1])
    angles = torch.cat([angles, still], dim=1)
    return torch.stack([angles.cos(), angles.sin()])


def rotate(x: Tensor, table: Tensor) -> Tensor:
    """Turn neighbouring pairs of the features of x [..., L, head] by a table [2, L, head]."""
    cosines, sines = table.to(x.dtype)
    even, odd = x.unflatten(-1, (-1, 2)).unbind(-1)
    return x * cosines + torch.stack([-odd, even], dim=-1).flatten(-2) * sines
