"""How latent actions fill their dimensions: figures that every bottleneck has."""

from __future__ import annotations

from torch import Tensor

ACTIVE_SHARE = 0.01


def latent_statistics(latents: Tensor) -> dict[str, Tensor]:
    """`variance` of z [..., Z], its mean over the dimensions, also `variance_per_dimension` [Z], and
    `active_dimensions`: those whose variance is more than a hundredth of the largest."""
    variance = latents.flatten(0, -2).var(dim=0, correction=0)
    return {
        "active_dimensions": (variance > ACTIVE_SHARE * variance.max()).sum(),
        "variance": variance.mean(),
        "variance_per_dimension": variance,
    }
