"""The families of encoders at small scale, trained on the pictures of the recordings and probed: one network, one
recording, four things to learn from it (`training.families`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from wm_ros.evaluation.config import EvaluationConfig
from wm_ros.evaluation.dataset.dataset import EvaluationDataset
from wm_ros.evaluation.studies import fidelity
from wm_ros.evaluation.studies.pictures import picture_features, picture_tokens
from wm_ros.evaluation.studies.probe import probe_features
from wm_ros.evaluation.studies.probe import skip_reason as probe_skip_reason
from wm_ros.models.encoders.registry import build_encoder
from wm_ros.models.encoders.tiny import TinyEncoder
from wm_ros.training.engine import Engine
from wm_ros.training.families import train_family
from wm_ros.training.objectives.objective import CLIP
from wm_ros.training.optimise import Schedule

STEPS = 1500
WINDOWS = 20_000

Progress = Callable[[float], None]


def family(
    dataset: EvaluationDataset,
    config: EvaluationConfig,
    name: str,
    seed: int,
    encoder_config: dict[str, Any],
    progress: Progress,
) -> dict[str, Any]:
    """Train one encoder of a family; its probe and fidelity, or `left_out`, and why. config: as in a card."""
    reason = probe_skip_reason(dataset, config) or fidelity.skip_reason(dataset)
    if reason is None and encoder_config.get("name") != "tiny":
        reason = "families are compared on the tiny encoder, and this checkpoint has another"
    if reason:
        return {"left_out": reason}
    torch.manual_seed(seed)
    encoder = cast(TinyEncoder, build_encoder(encoder_config))  # by its name
    windows = dataset.clips("fit", CLIP, WINDOWS, with_pictures=True)
    if not len(windows):
        return {"left_out": f"no episode to fit on has {CLIP} frames at the model's rate"}

    def images(rows: np.ndarray, frames: int) -> Tensor:
        shown = dataset.pictures(windows.first(np.sort(rows), frames))
        return encoder.preprocess(torch.from_numpy(shown).flatten(0, 1)).unflatten(0, shown.shape[:2])

    steps = config.steps(STEPS)
    schedule = Schedule(steps, seed, lambda step, figures: progress(0.8 * step / steps))
    train_family(encoder, name, images, len(windows), schedule, Engine())
    tokens = picture_tokens(encoder, dataset)
    features = picture_features(dataset, tokens)
    probed, _ = probe_features(
        dataset, config, features, False, lambda share: progress(0.8 + 0.1 * share), learned=True
    )
    kept = [
        some[np.searchsorted(bag.picture_rows, bag.array("shown"))]
        for some, bag in zip(tokens, dataset.bags, strict=True)
    ]
    fitted, held = (fidelity.tokens_and_pictures(dataset, kept, role) for role in ("fit", "held"))
    _, drawn = fidelity.fit_decoder(
        config, fitted, held, encoder.grid, lambda share: progress(0.9 + 0.1 * share)
    )
    return {"steps": config.steps(STEPS), "r2": probed["total"], "probe": probed, "psnr": drawn["psnr"]}
