"""Trains one small encoder by each of four objectives that see no action.

[ACT] compares encoders of others, of different sizes and data. Here all is equal but the objective:
video-predictive: the state of the next frame from those of two before, kept from collapsing by SIGReg (as V-JEPA 2);
video-reconstruction: the picture between two frames from the states of both (as VideoMAE, which masks);
image: equal states of two distorted views of one frame, and SIGReg (as DINO);
autoencoder: a frame's own picture from its state (as a VAE).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wm_ros.models.encoders.tiny import TinyEncoder
from wm_ros.training.encoder import ForegroundDecoder
from wm_ros.training.engine import Engine
from wm_ros.training.optimise import Schedule
from wm_ros.training.sigreg import sigreg

WINDOW = 3  # frames of a window
FRAMES = 96  # in a batch, of whatever family
RATE = 1.5e-3
SIGREG_WEIGHT = 0.05
PREDICTOR = 256
SHIFT = 4  # pixels by which a view is moved at most
LIGHT = 0.4  # share by which a view is brightened or darkened at most


def train_family(
    encoder: TinyEncoder,
    name: str,
    windows: Callable[[np.ndarray], np.ndarray],
    count: int,
    schedule: Schedule,
) -> None:
    """Fit an encoder by the objective of a family.

    windows: from indexes [B] below `count` to frames uint8 [B, 3, H, W, 3], one model step apart.
    """
    engine, choose = Engine(), np.random.default_rng(schedule.seed)
    generator = torch.Generator(engine.device).manual_seed(schedule.seed)
    helper, objective = _objective(name, encoder, generator)
    per_batch = FRAMES // WINDOW if name.startswith("video") else FRAMES

    def loss() -> tuple[Tensor, dict[str, float]]:
        rows = np.sort(choose.integers(0, count, per_batch))
        shown = torch.from_numpy(windows(rows)).to(engine.device)
        return objective(shown if name.startswith("video") else shown[:, 0]), {}

    encoder.train()
    engine.optimise(name, [encoder, helper], loss, schedule, RATE, [choose, generator])
    encoder.requires_grad_(False).cpu()


def _objective(
    name: str, encoder: TinyEncoder, generator: torch.Generator
) -> tuple[nn.Module, Callable[[Tensor], Tensor]]:
    """The network that training needs besides the encoder, and the loss of windows [B, 3, H, W, 3] or of frames."""
    dim, size = encoder.dim, encoder.size
    helper: nn.Module

    def states(frames: Tensor) -> Tensor:
        return encoder(frames)[:, 0]

    def windows(shown: Tensor) -> Tensor:
        return states(shown.flatten(0, 1)).unflatten(0, (-1, 3))

    if name == "video-predictive":
        helper = nn.Sequential(nn.Linear(2 * dim, PREDICTOR), nn.SiLU(), nn.Linear(PREDICTOR, dim))

        def loss(shown: Tensor) -> Tensor:
            found = windows(shown)
            guess = helper(found[:, :2].flatten(1))
            return F.mse_loss(guess, found[:, 2]) + SIGREG_WEIGHT * sigreg(found.flatten(0, 1), generator)

    elif name == "video-reconstruction":
        helper = ForegroundDecoder(2 * dim, size)

        def loss(shown: Tensor) -> Tensor:
            found = states(shown[:, [0, 2]].flatten(0, 1)).unflatten(0, (-1, 2)).flatten(1)
            return _redrawn(helper(found), encoder.preprocess(shown[:, 1]))

    elif name == "image":
        helper = nn.Identity()

        def loss(shown: Tensor) -> Tensor:
            images = encoder.preprocess(shown)
            one, other = (encoder.from_images(_view(images, generator))[:, 0] for _ in range(2))
            return F.mse_loss(one, other) + SIGREG_WEIGHT * sigreg(torch.cat([one, other]), generator)

    else:
        helper = ForegroundDecoder(dim, size)

        def loss(shown: Tensor) -> Tensor:
            return _redrawn(helper(states(shown)), encoder.preprocess(shown))

    return helper, loss


def _redrawn(drawn: Tensor, images: Tensor) -> Tensor:
    wanted = F.avg_pool2d(images, 2)
    return F.mse_loss(drawn, wanted) / wanted.var()


def _view(images: Tensor, generator: torch.Generator) -> Tensor:
    """Images [B, 3, size, size] moved by a few pixels and lit otherwise, each in its own way."""
    count, size, device = len(images), images.shape[-1], images.device
    shift = torch.randint(-SHIFT, SHIFT + 1, (count, 2), generator=generator, device=device)
    steps = torch.arange(size, device=device)
    rows = (steps + shift[:, :1]).clamp(0, size - 1)[:, None, :, None].expand_as(images)
    columns = (steps + shift[:, 1:]).clamp(0, size - 1)[:, None, None, :].expand_as(images)
    moved = images.gather(2, rows).gather(3, columns)
    light = 1.0 + LIGHT * (2.0 * torch.rand(count, 1, 1, 1, generator=generator, device=device) - 1.0)
    return ((moved + 1.0) * light - 1.0).clamp(-1.0, 1.0)
