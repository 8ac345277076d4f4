"""Fine-tunes an encoder with an inverse-dynamics head: from two frames it names the actions between them.

The extra head of [ACT], L1, discarded after. There it trains along with the encoder from the beginning; here an encoder
that was trained without goes on with it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wm_ros.models.encoders.tiny import TinyEncoder
from wm_ros.training.engine import Engine
from wm_ros.training.optimise import Schedule
from wm_ros.training.probes import apart

BATCH = 64
RATE = 5e-4
HEAD_SHARE = 0.4  # of the steps, before the encoder moves
HEAD_RATE = 2e-3
HIDDEN = 256
CHECKS = 20
CHECKED = 256


def fine_tune(
    encoder: TinyEncoder,
    pairs: Callable[[np.ndarray], np.ndarray],
    actions: np.ndarray,
    groups: np.ndarray,
    steps: int,
    progress: Callable[[float], None],
) -> int:
    """Fine-tune an encoder on pairs of frames; returns the step whose weights are kept.

    pairs: from indexes [B] to frames uint8 [B, 2, H, W, 3]; actions [C, A]: those between the frames of each pair;
    groups [C]: the episodes they are of. The weights kept are those of least error on a fifth of the episodes.
    """
    learned, checked = apart(groups)
    checked = checked[np.linspace(0, len(checked) - 1, min(len(checked), CHECKED)).round().astype(int)]
    target = torch.from_numpy((actions / np.maximum(actions.std(axis=0), 1e-6)).astype(np.float32))
    torch.manual_seed(0)
    head = nn.Sequential(
        nn.Linear(2 * encoder.tokens * encoder.dim, HIDDEN), nn.SiLU(), nn.Linear(HIDDEN, target.shape[1])
    )
    engine, choose = Engine(), np.random.default_rng(0)
    best: tuple[float, int, dict[str, Tensor]] = math.inf, 0, {}

    def error(rows: np.ndarray) -> Tensor:
        frames = torch.from_numpy(pairs(rows)).flatten(0, 1).to(engine.device)
        states = encoder(frames).flatten(1).unflatten(0, (-1, 2)).flatten(1)
        return F.l1_loss(head(states), target[rows].to(engine.device))

    def report(step: int, figures: dict[str, float]) -> None:
        nonlocal best
        if step % max(1, steps // CHECKS) == 0 or step == steps:
            with torch.no_grad():
                now = error(checked).item()
            if now < best[0]:
                best = now, step, {name: weight.clone() for name, weight in encoder.state_dict().items()}
        progress(0.3 + 0.7 * step / steps)

    def loss() -> tuple[Tensor, dict[str, float]]:
        return error(np.sort(learned[choose.integers(0, len(learned), BATCH)])), {}

    # The head alone first: what comes back from an untrained one would only spoil the encoder.
    begin = max(1, round(HEAD_SHARE * steps))
    first = Schedule(begin, 0, lambda step, _: progress(0.3 * step / begin))
    engine.optimise("head", [head], loss, first, HEAD_RATE, [choose])
    report(0, {})
    encoder.requires_grad_(True).train()
    engine.optimise("inverse dynamics", [encoder, head], loss, Schedule(steps, 0, report), RATE, [choose])
    _, chosen, weights = best
    encoder.load_state_dict(weights)
    encoder.requires_grad_(False).cpu()
    return chosen
