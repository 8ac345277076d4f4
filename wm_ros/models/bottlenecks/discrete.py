"""Latent actions out of a code book: vector quantisation [LAM]."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wm_ros.models.bottlenecks.bottleneck import Bottleneck
from wm_ros.models.bottlenecks.statistics import latent_statistics
from wm_ros.models.to_device import to_device

COMMITMENT = 0.25
RESET_AFTER = 20  # training steps without use


class Discrete(Bottleneck):
    """z is the code nearest to the read-out; gradients pass straight through to the read-out.

    The loss draws code to read-out, and read-out to code at a quarter of the strength (means over all elements).
    A code that no read-out of the last 20 training steps was nearest to is put on a read-out drawn at random: so are
    all codes of a new code book. Where several processes train, each must be given the read-outs of all, and a
    generator in the same state, lest their code books part.
    """

    idle: Tensor

    def __init__(self, latent: int, codes: int) -> None:
        super().__init__()
        self.outputs = latent
        self.codes = nn.Parameter(torch.zeros(codes, latent))
        self.register_buffer("idle", torch.full((codes,), RESET_AFTER))

    def forward(self, raw: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        flat = raw.flatten(0, -2)
        self._reset(flat.detach(), generator)
        index = self.nearest(flat)
        self.idle += 1
        self.idle[index] = 0
        code = self.codes[index].view_as(raw)
        loss = F.mse_loss(code, raw.detach()) + COMMITMENT * F.mse_loss(raw, code.detach())
        return raw + (code - raw).detach(), loss

    def mean(self, raw: Tensor) -> Tensor:
        return self.codes[self.nearest(raw.flatten(0, -2))].view_as(raw)

    def nearest(self, flat: Tensor) -> Tensor:
        """Index [M] of the code nearest to each read-out [M, Z]."""
        # ||raw||^2 is the same for all codes.
        with torch.no_grad():
            return (self.codes.square().sum(dim=1) - 2.0 * flat @ self.codes.T).argmin(dim=1)

    def sample(self, count: int, mean: Tensor, std: Tensor, generator: torch.Generator) -> Tensor:
        """Codes, each as likely: how often they are used is not known."""
        drawn = torch.randint(len(self.codes), (count,), generator=generator)
        return self.codes[to_device(drawn, self.codes.device)]

    def valid(self, z: Tensor) -> Tensor:
        return self.mean(z)

    def health(self, raw: Tensor) -> dict[str, Tensor]:
        """Also `codes_used`, the share of codes in use, and `perplexity`: how many equally frequent codes would
        say as much."""
        index = self.nearest(raw.flatten(0, -2))
        share = index.bincount(minlength=len(self.codes)) / len(index)
        return {
            "codes_used": (share > 0).float().mean(),
            "perplexity": torch.special.entr(share).sum().exp(),
            **latent_statistics(self.mean(raw)),
        }

    @torch.no_grad()
    def _reset(self, flat: Tensor, generator: torch.Generator) -> None:
        idle = self.idle >= RESET_AFTER
        drawn = torch.randint(len(flat), (len(idle),), generator=generator, device=flat.device)
        self.codes.copy_(torch.where(idle[:, None], flat[drawn], self.codes))
        self.idle[idle] = 0
