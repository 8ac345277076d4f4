"""InfoNCE (arXiv 1807.03748): of a batch of pairs, every one must find its partner."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def partner_nats(likeness: Tensor) -> Tensor:
    """Cross-entropy, in nats, of finding each one's partner among those of all, both ways.

    likeness [B, B]: of every first one with every second one; partners are on the diagonal.
    """
    partner = torch.arange(len(likeness), device=likeness.device)
    return 0.5 * (F.cross_entropy(likeness, partner) + F.cross_entropy(likeness.T, partner))
