"""The input rule of an encoder: how a camera frame becomes the picture its weights were trained on."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

INTERPOLATIONS = ("bilinear", "bicubic")


class Preprocess(nn.Module):
    """Frames uint8 [B, H, W, 3] RGB to pictures float32 [B, 3, size, size], on the device of the frames.

    shortest_edge: the frame is resized until its shorter side has so many pixels, and the centre square is kept; None:
    the whole frame is squeezed into the square. Resized with an antialiasing filter and rounded to whole levels, as
    torchvision and Pillow do; then (level / 255 - mean) / std per colour.
    """

    scale: Tensor
    shift: Tensor

    def __init__(
        self,
        size: int,
        shortest_edge: int | None,
        mean: list[float],
        std: list[float],
        interpolation: str = "bilinear",
    ) -> None:
        super().__init__()
        _require("size", size, isinstance(size, int) and 1 <= size <= 4096, "an integer from 1 to 4096")
        _require(
            "shortest_edge",
            shortest_edge,
            shortest_edge is None or (isinstance(shortest_edge, int) and size <= shortest_edge <= 8192),
            f"null, or an integer from size ({size}) to 8192",
        )
        _require("interpolation", interpolation, interpolation in INTERPOLATIONS, f"one of {INTERPOLATIONS}")
        _require("mean", mean, _colours(mean, 0.0), "three numbers from 0 to 1")
        _require("std", std, _colours(std, 1e-3), "three numbers from 0.001 to 1")
        self.size, self.shortest_edge, self.interpolation = size, shortest_edge, interpolation
        centre, spread = (torch.tensor(values, dtype=torch.float32) for values in (mean, std))
        # A row of pixels at a time: colours alone are three numbers, too few for the CPU's vectors.
        self.register_buffer("scale", (1 / (255 * spread)).repeat(size), persistent=False)
        self.register_buffer("shift", (-centre / spread).repeat(size), persistent=False)

    def forward(self, frames: Tensor) -> Tensor:
        if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != torch.uint8:
            raise ValueError(
                f"frames must be uint8 [B, H, W, 3], got {frames.dtype} {list(frames.shape)}: one RGB picture each"
            )
        levels = self.levels(frames).permute(0, 2, 3, 1).contiguous()
        rows = levels.view(len(frames), self.size, 3 * self.size).mul_(self.scale).add_(self.shift)
        return rows.view(len(frames), self.size, self.size, 3).permute(0, 3, 1, 2)

    def levels(self, frames: Tensor) -> Tensor:
        """The picture before its colours are normalised: float32 [B, 3, size, size] in 0 .. 255."""
        return self._cropped(frames.permute(0, 3, 1, 2)).float()

    def _cropped(self, pictures: Tensor) -> Tensor:
        height, width = pictures.shape[-2:]
        if self.shortest_edge is None:
            return self._resized(pictures, self.size, self.size)
        # In this order of multiplication and division, which decides how the longer side is rounded.
        edge = self.shortest_edge
        if height <= width:
            pictures = self._resized(pictures, edge, int(edge * width / height))
        else:
            pictures = self._resized(pictures, int(edge * height / width), edge)
        top, left = (round((side - self.size) / 2) for side in pictures.shape[-2:])
        return pictures[..., top : top + self.size, left : left + self.size]

    def _resized(self, pictures: Tensor, height: int, width: int) -> Tensor:
        if pictures.shape[-2:] == (height, width):
            return pictures
        resize = partial(F.interpolate, size=(height, width), mode=self.interpolation, antialias=True)
        if pictures.device.type == "cpu":
            return resize(pictures)
        return resize(pictures.float()).round_().clamp_(0, 255)


def _require(name: str, value: Any, fits: bool, rule: str) -> None:
    if not fits or isinstance(value, bool):
        raise ValueError(f"input.{name} of an encoder must be {rule}, got {value!r}")


def _colours(values: Any, least: float) -> bool:
    return (
        isinstance(values, (list, tuple))
        and len(values) == 3
        and all(isinstance(value, (int, float)) and least <= value <= 1 for value in values)
    )
