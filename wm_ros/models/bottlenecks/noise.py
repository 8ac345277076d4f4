"""Noise on the latent action, and a price on being heard through it [LAM]."""

from __future__ import annotations

import torch
from torch import Tensor

from wm_ros.models.bottlenecks.bottleneck import Bottleneck
from wm_ros.models.bottlenecks.statistics import latent_statistics

LOG_VARIANCE_LIMITS = (-10.0, 4.0)
ACTIVE_NATS = 0.1


class Noise(Bottleneck):
    """z drawn from q(z | before, after), a Gaussian that inverse dynamics reads out as mean and log-variance.

    Its loss is beta * KL(q || N(0, 1)), which [LAM] prints with a minus sign; it is minimised here. In use, z is the
    mean. A dimension is active above 0.1 nat.
    """

    def __init__(self, latent: int, beta: float) -> None:
        super().__init__()
        self.outputs, self.beta = 2 * latent, beta

    def forward(self, raw: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        mean, log_variance = split(raw)
        noise = torch.randn(mean.shape, generator=generator, device=mean.device, dtype=mean.dtype)
        z = mean + noise * (0.5 * log_variance).exp()
        return z, self.beta * kl_per_dimension(mean, log_variance).sum()

    def mean(self, raw: Tensor) -> Tensor:
        return split(raw)[0]

    def health(self, raw: Tensor) -> dict[str, Tensor]:
        kl = kl_per_dimension(*split(raw))
        return {
            "kl": kl.sum(),
            "kl_per_dimension": kl,
            **latent_statistics(self.mean(raw)),
            "active_dimensions": (kl > ACTIVE_NATS).sum(),
        }


def split(raw: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and log-variance [..., Z] of the raw read-out [..., 2 Z] of inverse dynamics."""
    mean, log_variance = raw.chunk(2, dim=-1)
    return mean, log_variance.clamp(*LOG_VARIANCE_LIMITS)


def kl_per_dimension(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(q(z | before, after) || N(0, 1)) of every dimension, averaged over the batch: [Z], nats."""
    kl = 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance)
    return kl.flatten(0, -2).mean(dim=0)
