"""Trains the temporal distance: of many pairs of states, each up to four seconds apart, which belong together.

Time-contrastive learning (arXiv 1807.03748) on cached states; no command is looked at.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from wm_ros.data.recording import Recording
from wm_ros.models.temporal_distance import TemporalDistance
from wm_ros.training.clips import Clips, make_clips
from wm_ros.training.contrast import partner_nats
from wm_ros.training.engine import Engine
from wm_ros.training.optimise import Schedule

BATCH = 256
RATE = 1.5e-3
APART_S = 4.0
# Of a number's standard deviation: imagined states are not quite like those that were seen, and with less, pairs are
# told by heart (held-out episodes of PushT: .05 2.94 nats, .3 2.92, .6 2.97).
NOISE = 0.2
CHECKED_BATCHES = 4


def distant_clips(
    recording: Recording, states: Tensor, episodes: np.ndarray, device: torch.device | str
) -> Clips:
    """Clips of four seconds in these episodes, or of as many as the longest of them has; raises TrainingError where
    there are none at all."""
    steps = max(1, round(APART_S * recording.profile.model_rate_hz))
    while steps > 1 and not len(recording.clip_starts(steps + 1, episodes)):
        steps -= 1
    return make_clips(recording, states, episodes, steps, device)


def train_temporal_distance(
    distance: TemporalDistance, clips: Clips, schedule: Schedule, engine: Engine
) -> None:
    """Fit the temporal distance on clips of cached states; figures: `contrast`, in nats (of a choice among all,
    `chance`).

    Each process computes the loss of the whole batch: it is small, and every pair is a stranger to all others.
    """
    choose = np.random.default_rng(schedule.seed)
    generator = torch.Generator(engine.device).manual_seed(schedule.seed)
    _, now, then = clips.some_steps()
    std = torch.stack([now, then], dim=1).flatten(0, 1).std(dim=0)

    def loss() -> tuple[Tensor, dict[str, float]]:
        pairs = _pairs(clips, choose)
        noise = torch.randn(pairs.shape, generator=generator, device=pairs.device)
        nats = _contrast(distance, pairs + NOISE * std * noise)
        return nats, {"contrast": nats.item(), "chance": math.log(BATCH)}

    engine.optimise("goal distance", [distance], loss, schedule, RATE, [choose, generator])


def measure_step(distance: TemporalDistance, clips: Clips) -> None:
    """Find what one model step changes on average, which is the distance's unit."""
    _, now, then = clips.some_steps()
    with torch.no_grad():
        moved = (distance.network(then) - distance.network(now)).norm(dim=-1).mean()
        distance.step.copy_(moved.clamp(min=1e-6))


def held_out_contrast(distance: TemporalDistance, clips: Clips) -> Callable[[], dict[str, float]]:
    """A measure of the distance on clips that it is not trained on: `held_out_contrast`, in nats."""
    choose = np.random.default_rng(0)
    batches = [_pairs(clips, choose) for _ in range(CHECKED_BATCHES)]

    def measure() -> dict[str, float]:
        nats = [_contrast(distance, pairs).item() for pairs in batches]
        return {"held_out_contrast": sum(nats) / len(nats)}

    return measure


def _pairs(clips: Clips, choose: np.random.Generator) -> Tensor:
    """States [2, B, N, D] of pairs, each up to a clip's length apart."""
    states = clips.take(choose.integers(0, len(clips), BATCH))[0]
    later = torch.from_numpy(choose.integers(1, clips.steps + 1, BATCH))
    return torch.stack([states[:, 0], states[torch.arange(BATCH), later]])


def _contrast(distance: TemporalDistance, pairs: Tensor) -> Tensor:
    first, partner = (distance.network(states) for states in pairs)
    return partner_nats(-torch.cdist(first, partner).square() * distance.log_scale.exp())
