"""Trains the tiny encoder from recorded video alone: show what moved, in as few Gaussian numbers as possible.

Each frame's state must redraw the frame's foreground, which is the frame less the median picture of its episode:
what stands still in an episode is in the median already, so the state need not carry it. SIGReg, on states less
their episode's mean, keeps the state's numbers independent and of one size, so that distances mean something.
Where the camera rides along nothing stands still: the median is that of the whole recording, and a state must tell
where in it the robot is, so that SIGReg gets the states as they are, and `odometry` teaches too. Nothing else uses
actions. Predicting the next latent alone, the recipe of larger encoders, encoded the large shoulder and ignored the
small forearm at this scale: the elbow's action probe stayed at R2 0.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wm_ros.data.recording import Recording
from wm_ros.models.encoders.tiny import TinyEncoder
from wm_ros.models.encoders.views import SeveralViews
from wm_ros.training.engine import Engine
from wm_ros.training.images import Images
from wm_ros.training.odometry import WEIGHT as ODOMETRY_WEIGHT
from wm_ros.training.odometry import Odometry
from wm_ros.training.optimise import Schedule
from wm_ros.training.processes import gather, mine
from wm_ros.training.sigreg import sigreg
from wm_ros.training.states import mapped

EPISODES_PER_BATCH = 16
FRAMES_PER_EPISODE = 8
MEDIAN_FRAMES, MOST_MEDIAN_FRAMES = 21, 512
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
    encoder: TinyEncoder | SeveralViews,
    recording: Recording,
    episodes: np.ndarray,
    schedule: Schedule,
    engine: Engine,
    cache_dir: str | Path | None = None,
    odometry: Odometry | None = None,
) -> None:
    """Fit the encoder on the frames of these episodes [E]; figures: `foreground` error (1 = blank), `sigreg`, and
    `waiting`, the share of the time that goes into fetching frames.

    odometry: teaches it too, where the camera rides along; figure: `displacement` error.
    cache_dir: folder for preprocessed frames and the median pictures of the episodes while this runs.
    """
    device = engine.device
    choose = np.random.default_rng(schedule.seed)
    generator = torch.Generator(device).manual_seed(schedule.seed)
    images_of = Images(encoder, recording, cache_dir)
    moves, views = recording.profile.cameras_move, encoder.views
    half = encoder.size // 2
    backgrounds = mapped((1 if moves else len(episodes), 3 * views, half, half), cache_dir)
    if moves:
        begins = np.array([recording.episodes[index].start for index in episodes])
        backgrounds[0] = _background(images_of, begins[:MOST_MEDIAN_FRAMES])
    else:
        for row, index in enumerate(episodes):
            backgrounds[row] = _background(images_of, _evenly_spaced(recording.episodes[index]))
    decoder = ForegroundDecoder(encoder.dim, encoder.size).to(device)
    per_batch = min(EPISODES_PER_BATCH, len(episodes))

    def loss() -> tuple[Tensor, dict[str, float]]:
        with engine.fetching():
            picked = choose.choice(len(episodes), per_batch, replace=False)
            rows = [_frames_of(recording.episodes[episodes[index]], choose) for index in picked]
            images = images_of(np.concatenate(mine(rows))).to(device)
            background = backgrounds[torch.from_numpy(mine(0 * picked if moves else picked))].to(device)
        states = encoder.from_images(images)
        # [episodes, frames, cameras, D]; each camera's pictures have a state of their own to be redrawn from.
        grouped = states.view(-1, FRAMES_PER_EPISODE, views, encoder.dim)
        centred = grouped if moves else grouped - grouped.mean(dim=1, keepdim=True)
        gaussian = sigreg(gather(centred.flatten(0, 2)), generator)
        foreground = F.avg_pool2d(images, 2) - background.repeat_interleave(FRAMES_PER_EPISODE, dim=0)
        foreground = foreground.unflatten(1, (views, 3)).flatten(0, 1)
        error = F.mse_loss(decoder(states.flatten(0, 1)), foreground) / gather(foreground).var()
        figures = {"foreground": error.item(), "sigreg": gaussian.item()}
        total = error + SIGREG_WEIGHT * gaussian
        if odometry is not None:
            displacement = odometry(grouped, np.stack(mine(rows)))
            figures["displacement"] = displacement.item()
            total = total + ODOMETRY_WEIGHT * displacement
        return total, figures

    trained = [encoder, decoder] if odometry is None else [encoder, decoder, odometry]
    engine.optimise("encoder", trained, loss, schedule, RATE, [choose, generator])


def _frames_of(frames: slice, choose: np.random.Generator) -> np.ndarray:
    length = frames.stop - frames.start
    return frames.start + choose.choice(length, FRAMES_PER_EPISODE, replace=length < FRAMES_PER_EPISODE)


def _evenly_spaced(frames: slice) -> np.ndarray:
    return np.unique(np.linspace(frames.start, frames.stop - 1, MEDIAN_FRAMES).round().astype(int))


def _background(images_of: Images, rows: np.ndarray) -> Tensor:
    """The median picture of some frames, [3, size / 2, size / 2]."""
    return F.avg_pool2d(images_of(rows), 2).median(dim=0).values
