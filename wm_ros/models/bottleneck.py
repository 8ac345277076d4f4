"""What keeps a latent action from carrying the whole future: the noise bottleneck of [LAM]."""

from __future__ import annotations

import torch
from torch import Tensor

LOG_VARIANCE_LIMITS = (-10.0, 4.0)


def split(raw: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and log-variance [..., Z] of the raw read-out [..., 2 Z] of inverse dynamics."""
    mean, log_variance = raw.chunk(2, dim=-1)
    return mean, log_variance.clamp(*LOG_VARIANCE_LIMITS)


def sample(mean: Tensor, log_variance: Tensor, generator: torch.Generator) -> Tensor:
    """One draw of q(z | before, after), differentiable in its parameters."""
    noise = torch.randn(mean.shape, generator=generator, device=mean.device, dtype=mean.dtype)
    return mean + noise * (0.5 * log_variance).exp()


def kl_per_dimension(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(q(z | before, after) || N(0, 1)) of every dimension, averaged over the batch: [Z], nats.

    [LAM] prints this term with a minus sign; it is minimised here.
    """
    kl = 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance)
    return kl.flatten(0, -2).mean(dim=0)
