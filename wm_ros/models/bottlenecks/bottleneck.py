"""What every bottleneck is: between what inverse dynamics reads out and the latent action."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wm_ros.models.to_device import to_device


class Bottleneck(nn.Module):
    """Makes latent actions [..., Z] of the read-out [..., outputs] of inverse dynamics, and has a price [LAM]."""

    outputs: int

    def forward(self, raw: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """The latent actions to train with, and the price, a scalar."""
        raise NotImplementedError

    def mean(self, raw: Tensor) -> Tensor:
        """The latent actions in use, without noise."""
        raise NotImplementedError

    def sample(self, count: int, mean: Tensor, std: Tensor, generator: torch.Generator) -> Tensor:
        """Latent actions [count, Z] as they may come in use, drawn on the CPU: normal unless a bottleneck shapes them.

        mean, std [Z]: mean and standard deviation, where the bottleneck leaves them open.
        """
        noise = torch.randn(count, len(std), generator=generator)
        return mean + std * to_device(noise, std.device)

    def valid(self, z: Tensor) -> Tensor:
        """The nearest latent actions [..., Z] that there are."""
        return z

    def health(self, raw: Tensor) -> dict[str, Tensor]:
        """Figures by name, scalars or one per dimension: is the latent action alive, how much does it carry?"""
        raise NotImplementedError
