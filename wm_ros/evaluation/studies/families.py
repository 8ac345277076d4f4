"""The families of encoders at small scale, trained on the pictures of the recordings and probed: one network, one
recording, four things to learn from it (`training.families`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from wm_ros.evaluation.evidence.parts import Evidence
from wm_ros.evaluation.evidence.request import Ask
from wm_ros.evaluation.studies import fidelity
from wm_ros.evaluation.studies.pictures import picture_features, picture_tokens
from wm_ros.evaluation.studies.probe import probe_features
from wm_ros.evaluation.studies.probe import why_not as why_no_probe
from wm_ros.models.encoders.registry import build_encoder
from wm_ros.training.families import WINDOW, train_family

STEPS = 1500
WINDOWS = 20_000

Progress = Callable[[float], None]


def family(
    evidence: Evidence, ask: Ask, name: str, seed: int, config: dict[str, Any], progress: Progress
) -> dict[str, Any]:
    """Train one encoder of a family; its probe and fidelity, or `left_out`, and why. config: as in a card."""
    reason = why_no_probe(evidence, ask.profile) or fidelity.why_not(evidence)
    if reason is None and config.get("name") != "tiny":
        reason = "families are compared on the tiny encoder, and this checkpoint has another"
    if reason:
        return {"left_out": reason}
    torch.manual_seed(seed)
    encoder = build_encoder(config)
    windows = evidence.chains("fit", WINDOW, WINDOWS, pictured=True)
    train_family(
        encoder,
        name,
        lambda rows: evidence.pictures(windows[rows]),
        len(windows),
        ask.steps(STEPS),
        seed,
        lambda share: progress(0.8 * share),
    )
    tokens = picture_tokens(encoder, evidence)
    features = picture_features(evidence, tokens)
    probed, _ = probe_features(
        evidence, ask, features, False, lambda share: progress(0.8 + 0.1 * share), pictured=True
    )
    kept = [
        some[np.searchsorted(part.pictured, part.array("shown"))]
        for some, part in zip(tokens, evidence.parts, strict=True)
    ]
    fitted, held = (fidelity.shown(evidence, kept, role) for role in ("fit", "held"))
    _, drawn = fidelity.redraw(ask, fitted, held, lambda share: progress(0.9 + 0.1 * share))
    return {"steps": ask.steps(STEPS), "r2": probed["total"], "probe": probed, "psnr": drawn["psnr"]}
