"""What every bottleneck is: between what inverse dynamics reads out and the latent action."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Bottleneck(nn.Module):
    """Makes latent actions [..., Z] of the read-out [..., outputs] of inverse dynamics, and has a price [LAM]."""

    outputs: int

    def forward(self, raw: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """The latent actions to train with, and the price, a scalar."""
        raise NotImplementedError

    def mean(self, raw: Tensor) -> Tensor:
        """The latent actions in use, without noise."""
        raise NotImplementedError

    def health(self, raw: Tensor) -> dict[str, Tensor]:
        """Figures by name, scalars or one per dimension: is the latent action alive, how much does it carry?"""
        raise NotImplementedError
