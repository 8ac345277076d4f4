"""Latents as images: N tokens of D numbers are a 32FC1 Image, N high and D wide, which any viewer shows."""

from __future__ import annotations

from typing import Any

import numpy as np

from wm_ros.messages.compressed import ImageError
from wm_ros.messages.image import fill_image, view_pixels


def fill_tensor(msg: Any, tensor: np.ndarray) -> Any:
    """Write a float32 array [N, D] into an Image, with one copy; returns the message."""
    if tensor.ndim != 2:
        raise ImageError(f"a tensor message takes an array [tokens, dim], got {list(tensor.shape)}")
    return fill_image(msg, tensor, "32FC1")


def decode_tensor(msg: Any) -> np.ndarray:
    """Float32 array [N, D] of a 32FC1 Image, a read-only view of its bytes; ImageError for anything else."""
    if msg.encoding != "32FC1":
        raise ImageError(f"a tensor message has encoding 32FC1, got {msg.encoding!r}: a camera's topic?")
    return view_pixels(msg)
