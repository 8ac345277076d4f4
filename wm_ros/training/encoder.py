"""Trains the tiny encoder from recorded video alone: show what moved, in as few Gaussian numbers as possible.

Each frame's state must redraw the frame's foreground, which is the frame less the median picture of its episode:
what stands still in an episode is in the median already, so the state need not carry it. SIGReg, on states less
their episode's mean, keeps the state's numbers independent and of one size, so that distances mean something.
Neither uses an action. Predicting the next latent alone, the recipe of larger encoders, encoded the large shoulder
and ignored the small forearm at this scale: the elbow's action probe stayed at R2 0.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wm_ros.data.recording import Recording
from wm_ros.models.encoders.tiny import TinyEncoder
from wm_ros.training.optimise import Report, optimise
from wm_ros.training.sigreg import sigreg

EPISODES_PER_BATCH = 16
FRAMES_PER_EPISODE = 8
MEDIAN_FRAMES = 21
SIGREG_WEIGHT = 0.005
RATE = 1.5e-3


class ForegroundDecoder(nn.Sequential):
    """State [B, D] to a foreground picture [B, 3, size / 2, size / 2]; thrown away after training."""

    def __init__(self, dim: int, size: int) -> None:
        side = size // 16
        super().__init__(
            nn.Linear(dim, 128 * side * side),
            nn.SiLU(),
            nn.Unflatten(1, (128, side, side)),
            nn.ConvTranspose2d(128, 64, 4, 2, 1),
            nn.SiLU(),
            nn.ConvTranspose2d(64, 32, 4, 2, 1),
            nn.SiLU(),
            nn.ConvTranspose2d(32, 3, 4, 2, 1),
        )


def train_encoder(
    encoder: TinyEncoder, recording: Recording, episodes: np.ndarray, steps: int, seed: int, report: Report
) -> None:
    """Fit the encoder on the frames of these episodes [E]; figures: `foreground` error (1 = blank) and `sigreg`."""
    choose = np.random.default_rng(seed)
    generator = torch.Generator().manual_seed(seed)
    backgrounds = torch.cat([_background(encoder, recording, index) for index in episodes])
    decoder = ForegroundDecoder(encoder.dim, encoder.size)
    per_batch = min(EPISODES_PER_BATCH, len(episodes))

    def loss() -> tuple[Tensor, dict[str, float]]:
        picked = choose.choice(len(episodes), per_batch, replace=False)
        rows = [_frames_of(recording, episodes[index], choose) for index in picked]
        images = encoder.preprocess(torch.from_numpy(recording.frames[np.concatenate(rows)]))
        states = encoder.from_images(images)[:, 0]
        grouped = states.view(per_batch, FRAMES_PER_EPISODE, -1)
        gaussian = sigreg((grouped - grouped.mean(dim=1, keepdim=True)).flatten(0, 1), generator)
        background = backgrounds[torch.from_numpy(picked)].repeat_interleave(FRAMES_PER_EPISODE, dim=0)
        foreground = F.avg_pool2d(images, 2) - background
        error = F.mse_loss(decoder(states), foreground) / foreground.var()
        figures = {"foreground": error.item(), "sigreg": gaussian.item()}
        return error + SIGREG_WEIGHT * gaussian, figures

    optimise("encoder", [*encoder.parameters(), *decoder.parameters()], loss, steps, RATE, report)


def _frames_of(recording: Recording, episode: int, choose: np.random.Generator) -> np.ndarray:
    frames = recording.episodes[episode]
    length = frames.stop - frames.start
    return frames.start + choose.choice(length, FRAMES_PER_EPISODE, replace=length < FRAMES_PER_EPISODE)


def _background(encoder: TinyEncoder, recording: Recording, episode: int) -> Tensor:
    """The median picture of an episode, [1, 3, size / 2, size / 2]."""
    frames = recording.episodes[episode]
    rows = np.unique(np.linspace(frames.start, frames.stop - 1, MEDIAN_FRAMES).round().astype(int))
    images = encoder.preprocess(torch.from_numpy(recording.frames[rows]))
    return F.avg_pool2d(images, 2).median(dim=0, keepdim=True).values


@torch.inference_mode()
def encode_all(encoder: TinyEncoder, recording: Recording, batch: int = 512) -> Tensor:
    """The states [F, N, D] of all frames of a recording, each frame encoded once."""
    parts = [
        encoder(torch.from_numpy(recording.frames[start : start + batch].copy()))
        for start in range(0, len(recording.frames), batch)
    ]
    return torch.cat(parts)
