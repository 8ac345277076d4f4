"""Small tensors of the host to the device of the networks, without a wait for what it is busy with."""

from __future__ import annotations

import torch
from torch import Tensor


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """The tensor there; a GPU fetches it when it gets to it, for which it must lie in pinned memory."""
    pinned = tensor.pin_memory() if device.type == "cuda" and not tensor.is_cuda else tensor
    return pinned.to(device, non_blocking=True)
