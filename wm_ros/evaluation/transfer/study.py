"""Latent actions inferred on one video, applied in another, and measured: [LAM]'s action transfer on recordings.

Clips A are of another recording, or of the recordings themselves; clips B are of other episodes of the latter. Which B
belongs to an A is drawn three times, by seeded generators.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from wm_ros.evaluation.config import SEEDS, EvaluationConfig
from wm_ros.evaluation.dataset.dataset import EvaluationDataset
from wm_ros.evaluation.decoders import Drawing, report_decoder
from wm_ros.evaluation.transfer.apart import apart
from wm_ros.evaluation.transfer.checks import checks
from wm_ros.evaluation.transfer.clips import Video, clips_of, no_clips_reason
from wm_ros.evaluation.transfer.errors import redrawing
from wm_ros.evaluation.transfer.imagined import Carried, carry, plain
from wm_ros.evaluation.transfer.moved import moved
from wm_ros.evaluation.transfer.read_back import read_back
from wm_ros.models.checkpoint import load_checkpoint
from wm_ros.models.world_model import WorldModel
from wm_ros.robots.profile import differences

OWN_NAME = "the recordings"

Progress = Callable[[float], None]


def transfer(
    dataset: EvaluationDataset,
    source: EvaluationDataset | None,
    config: EvaluationConfig,
    fidelity: Mapping[str, Any],
    fitted: Path,
    progress: Progress,
) -> dict[str, Any]:
    """Checks, commands read back, and what moved; or `left_out`, and why.

    source: of another recording, whose latent actions are taken; None: of the same. fidelity, fitted: how well the
    decoder redraws that was fitted here, and the folder in which it is.
    """
    first, second = videos(dataset, source, config)
    if reason := skip_reason(first, second):
        return {"from": first.name, "left_out": reason}
    model = load_checkpoint(config.checkpoint)
    drawing = drawing_of(model, config, fidelity, fitted, first, second)
    latents, alone = plain(model, first)
    progress(0.1)
    carried: list[Carried] = []
    for seed in range(SEEDS):
        carried.append(carry(model, first, second, latents, np.random.default_rng(seed)))
        progress(0.1 + 0.2 * (seed + 1) / SEEDS)
    # A decoder that was fitted here is asked for pictures that it has not seen.
    asked = np.ones(len(first), dtype=bool)
    if drawing.decoder is not None and drawing.fitted:
        asked &= first.held
        for some in carried:
            asked &= second.held[some.other]
    undrawn, decoder = drawing.undrawn, drawing.decoder
    if decoder is not None and not asked.any():
        undrawn, decoder = "the decoder that is fitted here has seen all but one episode: record more", None
    found: dict[str, Any] = {
        "from": first.name,
        "clips": len(first),
        "episodes": first.episodes,
        "into_episodes": second.episodes,
        "seconds": round((first.latents.shape[1] - 1) * config.profile.model_dt, 6),
        "draws": SEEDS,
        "undrawn": undrawn,
        "decoder": None if decoder is None else drawing.whose,
        "decoder_problem": drawing.problem,
        "drawn_clips": 0 if decoder is None else int(asked.sum()),
    }
    commanded = not differences(model.card.robot, config.profile)
    found["checks"] = checks(None, first, second, alone, carried)
    found["apart"] = apart(model, None, first, carried, commanded)
    progress(0.4)
    if decoder is not None:
        rows = torch.from_numpy(np.flatnonzero(asked))
        clips, shown = first[asked], [one.of_clips(rows) for one in carried]
        in_pictures = checks(decoder, clips, second, alone[rows], shown)
        found["checks"] = _merged(found["checks"], in_pictures)
        found["apart"] = _merged(found["apart"], apart(model, decoder, clips, shown, commanded))
    progress(0.7)
    found["read_back"] = read_back(model, config, first, second, alone, carried)
    progress(0.8)
    found["moved"] = moved(model, config, first, second, carried)
    return found


def videos(
    dataset: EvaluationDataset, source: EvaluationDataset | None, config: EvaluationConfig
) -> tuple[Video, Video]:
    """Clips A, of which latent actions are taken, and clips B, in which they are applied."""
    second = clips_of(dataset, OWN_NAME, fitted_on=True)
    if source is None or config.transfer_from is None:
        return second, second
    return clips_of(source, config.transfer_from.name, fitted_on=False), second


def skip_reason(first: Video, second: Video) -> str | None:
    """Why nothing can be carried, None where it can."""
    if reason := no_clips_reason(first) or no_clips_reason(second):
        return reason
    if first is second and first.episodes < 2:
        return (
            "one episode has clips, and its actions must be applied in another: record more, or name a recording to "
            "take them from with --transfer-from"
        )
    return None


def drawing_of(
    model: WorldModel,
    config: EvaluationConfig,
    fidelity: Mapping[str, Any],
    fitted: Path,
    first: Video,
    second: Video,
) -> Drawing:
    """The report's decoder, unless it does not know what the pictures of one of the videos show."""
    drawing = report_decoder(model, config, fidelity, fitted)
    if drawing.decoder is None:
        return drawing
    for video in (first, second):
        figures = redrawing(drawing.decoder, video.latents[:, 0], video.pictures()[:, 0])
        if figures["psnr"] <= figures["psnr_of_mean_picture"]:
            undrawn = (
                f"the decoder {drawing.whose} redraws frames of {video.name} with a PSNR of {figures['psnr']:.1f} dB, "
                f"and its mean picture has {figures['psnr_of_mean_picture']:.1f} dB: it does not know what they show"
            )
            return Drawing(None, drawing.fitted, undrawn, drawing.problem)
    return drawing


def _merged(latents: dict[str, Any], pictures: dict[str, Any]) -> dict[str, Any]:
    """Ratios of latents over all clips, and those of pictures over the clips that were asked for them."""
    return {name: {**pictures.get(name, {}), **of_latents} for name, of_latents in latents.items()}
