"""What a model imagines when the latent actions of one clip are applied in another, and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wm_ros.evaluation.transfer.clips import Video, partners
from wm_ros.models.world_model import WorldModel
from wm_ros.training.world_model import imagine, inferred

BATCH = 32


@dataclass(frozen=True)
class Carried:
    """Latent actions of clips A applied in clips B, once drawn: all states [C, T + 1, N, D], the first ones recorded.

    there: imagined in B. back: in A again, from the latent actions that are inferred from `there`. borrowed: in B, from
    those of another clip of A. mistaken: in A, from these. cut: [C, N, D], what follows A's first state by the latent
    action that is inferred between it and B's second. other: the clip of B [C] that belongs to each of A.
    """

    there: Tensor
    back: Tensor
    borrowed: Tensor
    mistaken: Tensor
    cut: Tensor
    other: np.ndarray

    def of_clips(self, rows: Tensor) -> Carried:
        """Those of some clips."""
        return Carried(
            self.there[rows],
            self.back[rows],
            self.borrowed[rows],
            self.mistaken[rows],
            self.cut[rows],
            self.other[rows.numpy()],
        )


@torch.no_grad()
def plain(model: WorldModel, video: Video) -> tuple[Tensor, Tensor]:
    """The latent actions [C, T, Z] of clips, and the clips as imagined from them [C, T + 1, N, D]."""
    latents = _in_batches(lambda states: inferred(model, states)[0], video.latents)
    return latents, _rolled(model, video.latents[:, 0], latents)


@torch.no_grad()
def carry(
    model: WorldModel, first: Video, second: Video, latents: Tensor, generator: np.random.Generator
) -> Carried:
    """Apply latent actions [C, T, Z] of the first video's clips in the second's, in which ones the generator draws."""
    other, lender = partners(first, second, generator), partners(first, first, generator)
    mine, theirs = first.latents, second.latents[torch.from_numpy(other)]
    lent = latents[torch.from_numpy(lender)]
    there = _rolled(model, theirs[:, 0], latents)
    found = _in_batches(lambda states: inferred(model, states)[0], there)
    across = _in_batches(
        lambda pair: inferred(model, pair)[0], torch.stack([mine[:, 0], theirs[:, 1]], dim=1)
    )
    return Carried(
        there,
        _rolled(model, mine[:, 0], found),
        _rolled(model, theirs[:, 0], lent),
        _rolled(model, mine[:, 0], lent),
        _rolled(model, mine[:, 0], across)[:, 1],
        other,
    )


def _rolled(model: WorldModel, states: Tensor, latents: Tensor) -> Tensor:
    """States [C, T + 1, N, D] imagined from states [C, N, D], which come first."""
    ahead = _in_batches(lambda start, some: imagine(model, start, some), states, latents)
    return torch.cat([states[:, None], ahead], dim=1)


def _in_batches(function: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
    parts = zip(*(some.split(BATCH) for some in inputs), strict=True)
    return torch.cat([function(*part) for part in parts])
