"""Picture strips of carried actions: a clip, what another scene becomes under its latent actions, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wm_ros.evaluation.config import EvaluationConfig
from wm_ros.evaluation.dataset.dataset import EvaluationDataset
from wm_ros.evaluation.report.strips import as_png
from wm_ros.evaluation.transfer.clips import Video
from wm_ros.evaluation.transfer.imagined import carry, plain
from wm_ros.evaluation.transfer.study import drawing_of, skip_reason, videos
from wm_ros.models.checkpoint import load_checkpoint
from wm_ros.models.decoder import Decoder, draw

QUANTILES = (0.95, 0.7, 0.45)  # of how much changes along the clip: mostly those in which much does
EVERY = 2  # model steps between the pictures of a strip

Draw = Callable[[Tensor], np.ndarray]  # of states [T, N, D] pictures [T, side, side, 3] uint8


@torch.no_grad()
def transfer_strips(
    dataset: EvaluationDataset,
    source: EvaluationDataset | None,
    config: EvaluationConfig,
    fidelity: Mapping[str, Any],
    fitted: Path,
) -> dict[str, Any] | None:
    """Three clips, each as lines of pictures as PNG data with what they show; None where nothing can be carried.

    Drawn by the decoder that also measures; without one, of each imagined state the recorded frame whose state is
    nearest to it, of the same recordings, and `undrawn` says why.
    """
    first, second = videos(dataset, source, config)
    if skip_reason(first, second):
        return None
    model = load_checkpoint(config.checkpoint)
    change = (first.latents[:, -1] - first.latents[:, 0]).square().mean(dim=(1, 2)).numpy()
    order = np.flatnonzero(first.held) if first.held.any() else np.arange(len(first))
    order = order[np.argsort(change[order], kind="stable")]
    chosen = np.unique([order[round(quantile * (len(order) - 1))] for quantile in QUANTILES])
    chosen = chosen[np.argsort(-change[chosen], kind="stable")]
    latents, alone = plain(model, first)
    carried = carry(model, first, second, latents, np.random.default_rng(0))
    drawing = drawing_of(model, config, fidelity, fitted, first, second)
    of_first, of_second = (_drawer(drawing.decoder, video) for video in (first, second))
    steps = np.arange(0, first.latents.shape[1], EVERY)
    at = torch.from_numpy(steps)
    groups = []
    for clip in chosen:
        there = carried.other[clip]
        seen, elsewhere = _recorded(first, clip), _recorded(second, there)
        groups.append(
            [
                _line("A, recorded", seen[0], seen[steps]),
                _line("A, imagined", seen[0], of_first(alone[clip, at])),
                _line("B under A's latent actions", elsewhere[0], of_second(carried.there[clip, at])),
                _line("A again, by those inferred from B", seen[0], of_first(carried.back[clip, at])),
            ]
        )
    return {
        "undrawn": drawing.undrawn,
        "decoder": drawing.whose,
        "decoder_problem": drawing.problem,
        "from": first.name,
        "columns": ["first frame", *(f"{step * config.profile.model_dt:.1f} s" for step in steps)],
        "groups": groups,
    }


def _line(name: str, first: np.ndarray, pictures: np.ndarray) -> dict[str, Any]:
    return {"name": name, "pictures": [as_png(first), *map(as_png, pictures)]}


def _recorded(video: Video, clip: int) -> np.ndarray:
    """The clip as it was recorded, [T + 1, side, side, 3] uint8."""
    return video.dataset.pictures(video.clips[np.array([clip])])[0]


def _drawer(decoder: Decoder | None, video: Video) -> Draw:
    """Draws states by a decoder; without one by the nearest frames of the video's clips."""
    if decoder is not None:
        return lambda states: draw(decoder, states)
    known, pictures = video.latents.flatten(0, 1).flatten(1), video.dataset.pictures(video.clips)
    flat = pictures.reshape(-1, *pictures.shape[2:])
    return lambda states: flat[torch.cdist(states.flatten(1), known).argmin(dim=1).numpy()]
