"""SIGReg: keeps latents from collapsing by making every random projection of them look Gaussian."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

PROJECTIONS = 128
KNOTS = 17
REACH = 5.0
TOKENS = 4  # of a frame, of which it is computed at a time


def sigreg(states: Tensor, generator: torch.Generator) -> Tensor:
    """Epps-Pulley distance of states [M, D] to an isotropic standard Gaussian, over random projections.

    About 1 for a true Gaussian sample, growing with M for anything else (arXiv 2603.19312).
    """
    # Angles of several turns: too fine for bf16.
    with torch.autocast(states.device.type, enabled=False):
        directions = torch.randn(states.shape[1], PROJECTIONS, generator=generator, device=states.device)
        knots = torch.linspace(-REACH, REACH, KNOTS, device=states.device)
        target = torch.exp(-knots.square() / 2)
        angles = (states.float() @ F.normalize(directions, dim=0)).unsqueeze(-1) * knots
        gap = (angles.cos().mean(dim=0) - target).square() + angles.sin().mean(dim=0).square()
        return torch.trapezoid(gap * target, knots).mean() * len(states)


def token_sigreg(tokens: Tensor, generator: torch.Generator) -> Tensor:
    """The same of each of some tokens [M, N, D], drawn anew every time; about 1 / M for Gaussians, whatever M else."""
    count = tokens.shape[1]
    drawn = torch.randperm(count, generator=generator, device=tokens.device)[:TOKENS]
    found = [sigreg(tokens[:, index], generator) for index in drawn.tolist()]
    return torch.stack(found).mean() / len(tokens)
