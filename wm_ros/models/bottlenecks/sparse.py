"""Latent actions of few large numbers [LAM]."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from wm_ros.models.bottlenecks.bottleneck import Bottleneck
from wm_ros.models.bottlenecks.statistics import latent_statistics
from wm_ros.models.to_device import to_device

NORM_WEIGHT = 1.0
VARIANCE_WEIGHT = 0.1
COVARIANCE_WEIGHT = 0.001
MEAN_WEIGHT = 0.1
# Under the root of the variance, whose slope at zero is infinite.
LEAST_VARIANCE = 1e-8


class Sparse(Bottleneck):
    """z is the read-out itself, priced by l1 * ||z||_1, and by `variance_loss` for shrinking instead."""

    def __init__(self, latent: int, l1: float) -> None:
        super().__init__()
        self.outputs, self.l1 = latent, l1

    def forward(self, raw: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        flat = raw.flatten(0, -2)
        return raw, energy(flat, self.l1) + variance_loss(flat)

    def mean(self, raw: Tensor) -> Tensor:
        return raw

    def sample(self, count: int, mean: Tensor, std: Tensor, generator: torch.Generator) -> Tensor:
        """Laplace numbers of this mean and standard deviation, where Langevin steps on the price l1 * ||z||_1 end up.

        l1 weighs the size of z against the error of the prediction; as a density of z alone it would be far too wide.
        """
        level = to_device(torch.rand(count, len(std), generator=generator), std.device) - 0.5
        return mean - std / 2.0**0.5 * level.sign() * torch.log1p(-2.0 * level.abs())

    def health(self, raw: Tensor) -> dict[str, Tensor]:
        return {"l1": raw.abs().sum(dim=-1).mean(), **latent_statistics(raw)}


def energy(z: Tensor, l1: float) -> Tensor:
    """max(sqrt(D) - ||z||^2, 0) + l1 * ||z||_1, averaged over the batch of z [M, D]."""
    short = F.relu(z.shape[1] ** 0.5 - z.square().sum(dim=1))
    return (NORM_WEIGHT * short + l1 * z.abs().sum(dim=1)).mean()


def variance_loss(z: Tensor) -> Tensor:
    """What keeps the dimensions of z [M, D] apart: variances near 1 or above, covariances and means near 0.

    V * mean_d max(1 - sqrt(Var z_d), 0) + C * sum_{i != j} Cov_ij^2 / (D (D - 1)) + M * mean_d(mean z_d)^2. [LAM]
    prints a signed mean in the last term, which would reward ever lower z; it is squared here.
    """
    rows, size = z.shape
    mean = z.mean(dim=0)
    centred = z - mean
    covariance = centred.T @ centred / max(1, rows - 1)
    variance = covariance.diagonal()
    missing = F.relu(1.0 - (variance + LEAST_VARIANCE).sqrt()).mean()
    shared = (covariance.square().sum() - variance.square().sum()) / max(1, size * (size - 1))
    return VARIANCE_WEIGHT * missing + COVARIANCE_WEIGHT * shared + MEAN_WEIGHT * mean.square().mean()
