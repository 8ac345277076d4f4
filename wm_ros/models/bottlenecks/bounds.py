"""The two bounds that the other bottlenecks lie between, and the actions themselves."""

from __future__ import annotations

import torch
from torch import Tensor

from wm_ros.models.bottlenecks.bottleneck import Bottleneck
from wm_ros.models.bottlenecks.statistics import latent_statistics


class Unconstrained(Bottleneck):
    """z is the read-out, for free: the upper bound of what it can carry."""

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.outputs = latent

    def forward(self, raw: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        return raw, raw.new_zeros(())

    def mean(self, raw: Tensor) -> Tensor:
        return raw

    def health(self, raw: Tensor) -> dict[str, Tensor]:
        return latent_statistics(raw)


class Deterministic(Bottleneck):
    """z is zero: the lower bound, a forward model that is told nothing."""

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.outputs = latent

    def forward(self, raw: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        return torch.zeros_like(raw), raw.new_zeros(())

    def mean(self, raw: Tensor) -> Tensor:
        return torch.zeros_like(raw)

    def health(self, raw: Tensor) -> dict[str, Tensor]:
        return latent_statistics(self.mean(raw))


class Labelled(Bottleneck):
    """z is the normalised robot action, which inverse dynamics learns to name; only for the action-labelled baseline.

    Inverse dynamics reads out twice as many numbers and the second half is unused: checkpoints have them.
    """

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.outputs = 2 * latent

    def mean(self, raw: Tensor) -> Tensor:
        return raw.chunk(2, dim=-1)[0]

    def health(self, raw: Tensor) -> dict[str, Tensor]:
        return latent_statistics(self.mean(raw))
