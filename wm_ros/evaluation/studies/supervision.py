"""What knowing the actions would add to an encoder: fine-tuned with an inverse-dynamics head, probed before and after.

The extra head of [ACT]: from two frames four model steps apart it names the actions between them, L1, and is discarded.
There it trains along with the encoder from the beginning; here an encoder that was trained without goes on with it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wm_ros.evaluation.evidence.parts import Evidence
from wm_ros.evaluation.evidence.request import Ask
from wm_ros.evaluation.studies.networks import apart
from wm_ros.evaluation.studies.pictures import picture_features, picture_tokens
from wm_ros.evaluation.studies.probe import probe_features
from wm_ros.evaluation.studies.probe import why_not as why_no_probe
from wm_ros.models.checkpoint import load_checkpoint
from wm_ros.models.encoders.tiny import TinyEncoder
from wm_ros.training.engine import Engine

STEPS = 500
APART = 4  # model steps between the frames of a pair: the best of [ACT]
BATCH = 64
RATE = 5e-4
HEAD_SHARE = 0.4  # of the steps, before the encoder moves
HEAD_RATE = 2e-3
HIDDEN = 256
CHECKS = 20
CHECKED = 256
CHAINS = 20_000

Progress = Callable[[float], None]


def supervision(evidence: Evidence, ask: Ask, progress: Progress) -> dict[str, Any]:
    """R2 of the probe before and after the fine-tuning; or `left_out`, and why."""
    encoder = load_checkpoint(ask.checkpoint).encoder
    reason = why_no_probe(evidence, ask.profile)
    if reason is None and not isinstance(encoder, TinyEncoder):
        reason = "only the tiny encoder is tuned here: the weights of others stay as they came"
    chains = evidence.chains("fit", APART + 1, CHAINS, labelled=True, pictured=True)
    if reason is None and not len(chains):
        reason = f"no episode to fit on has {APART + 1} frames at the model's rate"
    if reason:
        return {"left_out": reason}
    before = _probed(encoder, evidence, ask, lambda share: progress(0.2 * share))
    chosen = _tune(encoder, evidence, ask, lambda share: progress(0.2 + 0.6 * share))
    after = _probed(encoder, evidence, ask, lambda share: progress(0.8 + 0.2 * share))
    return {
        "apart": APART,
        "steps": ask.steps(STEPS),
        "chosen_at_step": chosen,
        "before": before,
        "after": after,
    }


def _probed(encoder: nn.Module, evidence: Evidence, ask: Ask, progress: Progress) -> dict[str, Any]:
    features = picture_features(evidence, picture_tokens(encoder, evidence))
    return probe_features(evidence, ask, features, False, progress, pictured=True)[0]


def _tune(encoder: TinyEncoder, evidence: Evidence, ask: Ask, progress: Progress) -> int:
    """Fine-tune; the weights kept are those of least error on a fifth of the episodes, and their step is returned."""
    chains = evidence.chains("fit", APART + 1, CHAINS, labelled=True, pictured=True)
    learned, checked = apart(chains.groups)
    checked = checked[np.linspace(0, len(checked) - 1, min(len(checked), CHECKED)).round().astype(int)]
    wanted = evidence.actions(chains).reshape(len(chains), -1)
    target = torch.from_numpy((wanted / np.maximum(wanted.std(axis=0), 1e-6)).astype(np.float32))
    torch.manual_seed(0)
    head = nn.Sequential(
        nn.Linear(2 * encoder.tokens * encoder.dim, HIDDEN), nn.SiLU(), nn.Linear(HIDDEN, target.shape[1])
    )
    engine, choose, steps = Engine(), np.random.default_rng(0), ask.steps(STEPS)
    best: tuple[float, int, dict[str, Tensor]] | None = None

    def error(rows: np.ndarray) -> Tensor:
        frames = torch.from_numpy(evidence.pictures(chains.ends(rows))).flatten(0, 1).to(engine.device)
        pairs = encoder(frames).flatten(1).unflatten(0, (-1, 2)).flatten(1)
        return F.l1_loss(head(pairs), target[rows].to(engine.device))

    def report(step: int, figures: dict[str, float]) -> None:
        nonlocal best
        if step % max(1, steps // CHECKS) == 0 or step == steps:
            with torch.no_grad():
                now = error(checked).item()
            if best is None or now < best[0]:
                best = now, step, {name: weight.clone() for name, weight in encoder.state_dict().items()}
        progress(0.3 + 0.7 * step / steps)

    def loss() -> tuple[Tensor, dict[str, float]]:
        return error(np.sort(learned[choose.integers(0, len(learned), BATCH)])), {}

    # The head alone first: what comes back from an untrained one would only spoil the encoder.
    begin = max(1, round(HEAD_SHARE * steps))
    engine.optimise(
        "head", [head], loss, begin, HEAD_RATE, lambda step, _: progress(0.3 * step / begin), [choose]
    )
    report(0, {})
    encoder.requires_grad_(True).train()
    engine.optimise("inverse dynamics", [encoder, head], loss, steps, RATE, report, [choose])
    encoder.load_state_dict(best[2])
    encoder.requires_grad_(False).cpu()
    return best[1]
