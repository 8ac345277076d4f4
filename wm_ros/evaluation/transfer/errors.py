"""Errors of what is imagined: of latents, and of the pictures that a decoder draws of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from wm_ros.evaluation.transfer.picture_distance import pixel_distance, structural_distance
from wm_ros.models.decoder import Decoder
from wm_ros.training.decoder_scores import psnr, redrawn

BATCH = 64
LATENT = "latent"
DISTANCES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "1 - MS-SSIM": structural_distance,
    "L1": pixel_distance,
}
# What drawings are compared with: drawings of the true states by the same decoder, or what was recorded. The latter
# has what the decoder never draws, which is the same on both sides of a ratio and brings it towards 1.
DRAWN, RECORDED = "drawn", "recorded"
Errors = dict[str, np.ndarray]  # [C, T] by what is compared, and how


class Ruler:
    """Called with imagined states [C, T, N, D]: their errors [C, T] against true ones, mean squared and in pictures.

    decoder: None leaves pictures out. true: states [C, T, N, D]. recorded: their pictures uint8 [C, T, 3, side, side];
    None compares with drawings alone.
    """

    def __init__(self, decoder: Decoder | None, true: Tensor, recorded: Tensor | None) -> None:
        self._decoder, self._true = decoder, true
        self._pictures: dict[str, Tensor] = {}
        if decoder is not None:
            self._pictures[DRAWN] = redrawn(decoder, true.flatten(0, 1))
            if recorded is not None:
                self._pictures[RECORDED] = as_drawn(decoder, recorded.flatten(0, 1)).float() / 255.0

    def __call__(self, imagined: Tensor) -> Errors:
        found = {LATENT: (imagined - self._true).square().mean(dim=(2, 3))}
        if self._decoder is not None:
            drawn = redrawn(self._decoder, imagined.flatten(0, 1))
            for against, pictures in self._pictures.items():
                for name, distance in DISTANCES.items():
                    parts = zip(drawn.split(BATCH), pictures.split(BATCH), strict=True)
                    each = torch.cat([distance(one, other) for one, other in parts])
                    found[f"{against}, {name}"] = each.unflatten(0, imagined.shape[:2])
        return {name: error.double().numpy() for name, error in found.items()}


def as_drawn(decoder: Decoder, pictures: Tensor) -> Tensor:
    """Pictures uint8 [B, 3, side, side] at the size that a decoder draws."""
    size = decoder.shape["size"]
    if pictures.shape[-1] == size:
        return pictures
    return F.interpolate(pictures.float(), size=(size, size), mode="area").round().byte()


def redrawing(decoder: Decoder, states: Tensor, recorded: Tensor) -> dict[str, float]:
    """PSNR in dB of states [B, N, D] drawn, and of the decoder's mean picture, against their pictures uint8."""
    true = as_drawn(decoder, recorded)
    mean = decoder.background.clamp(0.0, 1.0).cpu()
    return {
        "psnr": round(psnr(redrawn(decoder, states), true), 3),
        "psnr_of_mean_picture": round(psnr(mean.expand(true.shape), true), 3),
    }
