"""Trains the video encoder by time: which two frames belong together, and, where commands are known, where they led
from one to the other.

Time-contrastive learning (arXiv 1807.03748, arXiv 2203.12601): of a batch of pairs of frames, each up to two seconds
apart, every frame must find its partner. Where the robot will be by then is hard to foretell; what tells partners from
strangers is where the things lie that nobody has touched yet, and how they are turned. Redrawing the picture finds
where, and hardly how: doc/encoders.md has the figures.

The robot itself has moved on within two seconds. Frames of an episode up to six seconds apart must therefore tell the
displacements that the commands between them made, as far as they are known: the inverse-dynamics head of [ACT] over
many steps, written as a difference (`Odometry`), from the beginning of training, discarded after. The mean command of
the next steps alone teaches less: of the simulated SO-101 it did not show the encoder the wrist.

A robot that moves nothing but itself is taught by commands alone. Where every episode has a look of its own, by its
light and colours, partners are told by that, and little is learned from them.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wm_ros.data.recording import Recording
from wm_ros.models.blocks import three_layers
from wm_ros.models.encoders.video import VideoEncoder
from wm_ros.models.encoders.views import SeveralViews
from wm_ros.training.contrast import partner_nats
from wm_ros.training.engine import Engine
from wm_ros.training.images import Images
from wm_ros.training.odometry import Odometry
from wm_ros.training.optimise import Schedule
from wm_ros.training.processes import gather, mine
from wm_ros.training.standardised import standardise, standardised

BATCH = 128
RATE = 1.5e-3
APART_S = 2.0  # of partners, at most
TOGETHER = 8  # frames of an episode that tell the displacements between them
WITHIN_S = 6.0  # of one another, at most
HIDDEN, COMPARED = 256, 64
LARGEST_LOG_SCALE = math.log(100.0)
MEASURED = 4096  # frames, of which means are taken


class ContrastHead(nn.Module):
    """Tokens [B, N, D] to unit vectors [B, 64], which are compared; thrown away after training."""

    def __init__(self, tokens: int, dim: int) -> None:
        super().__init__()
        self.project = nn.Sequential(nn.Flatten(), *three_layers(tokens * dim, HIDDEN, COMPARED))
        self.log_scale = nn.Parameter(torch.tensor(math.log(10.0)))

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Cross-entropy, in nats, of finding each one's partner among those of all, both ways."""
        here, there = (gather(F.normalize(self.project(tokens), dim=-1)) for tokens in (first, second))
        return partner_nats(here @ there.T * self.log_scale.clamp(max=LARGEST_LOG_SCALE).exp())


def train_video_encoder(
    encoder: VideoEncoder | SeveralViews,
    recording: Recording,
    episodes: np.ndarray,
    schedule: Schedule,
    engine: Engine,
    odometry: Odometry,
    by_time: bool = True,
    cache_dir: str | Path | None = None,
) -> None:
    """Fit the encoder on the frames of these episodes [E]; those without commands teach it all but the displacements.

    by_time: whether partners are to be found; without, commands alone teach it. cache_dir: folder for preprocessed
    frames while this runs.

    Figures: `contrast`, in nats (of a choice among all, `chance`); `displacement` error, as a share of that of standing
    still; `waiting`, the share of the time that goes into fetching frames.
    """
    choose = np.random.default_rng(schedule.seed)
    images_of = Images(encoder, recording, cache_dir)
    chance = _Draw(recording, episodes)
    contrast = ContrastHead(encoder.tokens, encoder.dim).to(engine.device)
    still = odometry.standing_still(chance.groups(np.random.default_rng(0), MEASURED // TOGETHER))
    trained: list[nn.Module] = [encoder, odometry, contrast] if by_time else [encoder, odometry]

    def loss() -> tuple[Tensor, dict[str, float]]:
        with engine.fetching():
            group = mine(chance.groups(choose, BATCH // TOGETHER * (1 if by_time else 2)))
            rows = [group.reshape(-1)]
            if by_time:
                rows += [mine(part) for part in chance.partners(choose, BATCH)]
            images = images_of(np.concatenate(rows)).to(engine.device)
        seen, *pairs = standardised(encoder.keypoints(images)).split([len(part) for part in rows])
        error, figures = torch.zeros((), device=engine.device), {}
        if still:
            error = odometry(seen.unflatten(0, group.shape), group) / still
            figures["displacement"] = error.item()
        if by_time:
            nats = contrast(*pairs)
            error = error + nats
            figures |= {"contrast": nats.item(), "chance": math.log(BATCH)}
        return error, figures

    engine.optimise("encoder", trained, loss, schedule, RATE, [choose])
    _standardise(encoder, images_of, chance, engine)


@torch.no_grad()
def _standardise(
    encoder: VideoEncoder | SeveralViews, images_of: Images, chance: _Draw, engine: Engine
) -> None:
    """Have the encoder standardise every number over the frames that it was trained on."""
    drawn = np.sort(chance.partners(np.random.default_rng(0), MEASURED)[0])
    parts = [
        encoder.keypoints(images_of(rows).to(engine.device))
        for rows in np.array_split(drawn, MEASURED // BATCH)
    ]
    standardise(encoder, torch.cat(parts))


class _Draw:
    """Draws frames of these episodes that teach something together, by their stamps; every episode is as likely as any
    other."""

    def __init__(self, recording: Recording, episodes: np.ndarray) -> None:
        self._stamps = recording.stamps_ns
        spans = np.array(
            [(span.start, span.stop) for span in (recording.episodes[index] for index in episodes)]
        )
        self._spans = spans[spans[:, 1] - spans[:, 0] > 1]

    def partners(self, choose: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Frames [count], and one each that comes soon after."""
        begin, end = self._episodes(choose, count)
        first = begin + (choose.random(count) * (end - begin - 1)).astype(int)
        wanted = self._stamps[first] + (choose.random(count) * APART_S * 1e9).astype(np.int64)
        return first, np.clip(np.searchsorted(self._stamps, wanted), first + 1, end - 1)

    def groups(self, choose: np.random.Generator, count: int) -> np.ndarray:
        """Frames [count, TOGETHER], of which each row is from some seconds of one episode; some may come twice."""
        begin, end = self._episodes(choose, count)
        middle = self._stamps[begin + (choose.random(count) * (end - begin)).astype(int)]
        half = round(WITHIN_S / 2 * 1e9)
        begin = np.maximum(begin, np.searchsorted(self._stamps, middle - half))
        end = np.minimum(end, np.searchsorted(self._stamps, middle + half, side="right"))
        return begin[:, None] + (choose.random((count, TOGETHER)) * (end - begin)[:, None]).astype(int)

    def _episodes(self, choose: np.random.Generator, count: int) -> np.ndarray:
        """First frames and ends [2, count] of episodes."""
        return self._spans[choose.integers(0, len(self._spans), count)].T
