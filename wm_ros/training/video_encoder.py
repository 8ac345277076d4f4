"""Trains the video encoder by time: which two frames belong together, and, where commands are known, what was
commanded between them.

Time-contrastive learning (arXiv 1807.03748, arXiv 2203.12601): of a batch of pairs of frames, each up to two seconds
apart, every frame must find its partner. Where the robot will be by then is hard to foretell; what tells partners from
strangers is where the things lie that nobody has touched yet, and how they are turned. Redrawing the picture finds
where, and hardly how: doc/encoders.md has the figures.

The robot itself has moved on within two seconds. Two frames a few model steps apart must therefore tell the mean
command between them, as far as it is known: the inverse-dynamics head of [ACT], L1, from the beginning of training,
discarded after.
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
from wm_ros.training.optimise import Schedule
from wm_ros.training.processes import gather, mine

BATCH = 128
RATE = 1.5e-3
APART_S = 2.0  # of partners, at most
COMMAND_STEPS = 4  # model steps between the frames that tell a command, at most: k of [ACT]
HIDDEN, COMPARED = 256, 64
LARGEST_LOG_SCALE = math.log(100.0)
STANDARDISED = 4096  # frames
LEAST_VARIANCE = 1e-5


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


class CommandHead(nn.Module):
    """From the tokens of two frames the mean command between them [B, A], in shares of the full rate; thrown away after
    training."""

    def __init__(self, tokens: int, dim: int, actions: int) -> None:
        super().__init__()
        self.read = nn.Sequential(nn.Linear(2 * tokens * dim, HIDDEN), nn.SiLU(), nn.Linear(HIDDEN, actions))

    def forward(self, before: Tensor, after: Tensor) -> Tensor:
        return self.read(torch.cat([before, after - before], dim=1).flatten(1))


def train_video_encoder(
    encoder: VideoEncoder | SeveralViews,
    recording: Recording,
    episodes: np.ndarray,
    schedule: Schedule,
    engine: Engine,
    cache_dir: str | Path | None = None,
) -> None:
    """Fit the encoder on the frames of these episodes [E]; those without commands teach it all but the commands.

    Figures: `contrast`, in nats (of a choice among all, `chance`); `command` error, as a share of that of the best
    constant; `waiting`, the share of the time that goes into fetching frames. cache_dir: folder for preprocessed frames
    while this runs.
    """
    choose = np.random.default_rng(schedule.seed)
    images_of = Images(encoder, recording, cache_dir)
    pairs = _Pairs(recording, episodes)
    contrast = ContrastHead(encoder.tokens, encoder.dim).to(engine.device)
    command = CommandHead(encoder.tokens, encoder.dim, len(recording.profile.action)).to(engine.device)

    def loss() -> tuple[Tensor, dict[str, float]]:
        with engine.fetching():
            rows = pairs.draw(choose, BATCH)
            first, partner, soon = (mine(part) for part in rows)
            images = images_of(np.concatenate([first, partner, soon])).to(engine.device)
        here, there, after = _standardised(encoder.keypoints(images)).chunk(3)
        nats = contrast(here, there)
        wanted = torch.from_numpy(pairs.commands(first, soon)).to(engine.device)
        known = ~wanted.isnan()
        off = ((command(here, after) - wanted.nan_to_num()).abs() * known).sum() / known.sum().clamp(min=1)
        figures = {"contrast": nats.item(), "chance": math.log(BATCH)}
        if pairs.command_size:
            figures["command"] = off.item() / pairs.command_size
        return nats + off / max(pairs.command_size, 1e-6), figures

    engine.optimise("encoder", [encoder, contrast, command], loss, schedule, RATE, [choose])
    _standardise(encoder, images_of, pairs, engine)


def _standardised(tokens: Tensor) -> Tensor:
    """Tokens [B, N, D] with every number standardised over the batch, that of all processes."""
    mean, std = _mean_std(gather(tokens))
    return (tokens - mean) / std


@torch.no_grad()
def _standardise(
    encoder: VideoEncoder | SeveralViews, images_of: Images, pairs: _Pairs, engine: Engine
) -> None:
    """Have the encoder standardise every number over the frames that it was trained on."""
    drawn = np.sort(pairs.draw(np.random.default_rng(0), STANDARDISED)[0])
    parts = [
        encoder.keypoints(images_of(rows).to(engine.device))
        for rows in np.array_split(drawn, STANDARDISED // BATCH)
    ]
    mean, std = _mean_std(torch.cat(parts))
    encoder.mean.copy_(mean)
    encoder.std.copy_(std)


def _mean_std(tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation [N, D] of every number of tokens [B, N, D]."""
    variance, mean = torch.var_mean(tokens, dim=0, correction=0)
    return mean, (variance + LEAST_VARIANCE).sqrt()


class _Pairs:
    """Draws frames with a partner each, and with one that comes soon after, all by their stamps."""

    def __init__(self, recording: Recording, episodes: np.ndarray) -> None:
        self._stamps, self._soon_ns = recording.stamps_ns, COMMAND_STEPS * recording.profile.model_dt * 1e9
        spans = [recording.episodes[index] for index in episodes]
        self._ends = np.array([span.stop for span in spans])
        self._lengths = np.array([span.stop - span.start for span in spans])
        self._ends, self._lengths = (part[self._lengths > 1] for part in (self._ends, self._lengths))
        scale = np.maximum(-recording.profile.low, recording.profile.high)
        self._commands, self._scale = recording.commands, scale.astype(np.float64)
        self._labelled = np.zeros(len(self._stamps), dtype=bool)
        for index in recording.labelled_episodes:
            self._labelled[recording.episodes[index]] = True
        self.command_size = self._size()

    def draw(self, choose: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Frames [count], their partners, and frames soon after; every episode is as likely as any other."""
        episode = choose.integers(0, len(self._ends), count)
        ends, share = self._ends[episode], choose.random((3, count))
        first = ends - self._lengths[episode] + (share[0] * (self._lengths[episode] - 1)).astype(int)
        partner = self._later(first, share[1] * APART_S * 1e9, ends)
        return first, partner, self._later(first, share[2] * self._soon_ns, ends)

    def commands(self, first: np.ndarray, later: np.ndarray) -> np.ndarray:
        """The mean commands [B, A] between frames, in shares of the full rate; NaN where they are not known."""
        found = np.full((len(first), len(self._scale)), np.nan, dtype=np.float32)
        rows = self._labelled[first]
        if self._commands is not None and rows.any():
            found[rows] = (
                self._commands.mean(self._stamps[first[rows]], self._stamps[later[rows]]) / self._scale
            )
        return found

    def _later(self, first: np.ndarray, gap_ns: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """The frame nearest after a gap, at least the next one, within the episode."""
        later = np.searchsorted(self._stamps, self._stamps[first] + gap_ns.astype(np.int64))
        return np.clip(later, first + 1, ends - 1)

    def _size(self) -> float:
        """How large the mean commands are from their own median, on average: what the best constant misses."""
        drawn = self.draw(np.random.default_rng(0), 4096)
        commands = self.commands(drawn[0], drawn[2])
        commands = commands[~np.isnan(commands).any(axis=1)]
        return float(np.abs(commands - np.median(commands, axis=0)).mean()) if len(commands) else 0.0
