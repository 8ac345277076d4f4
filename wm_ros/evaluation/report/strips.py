"""Frame strips: what the robot saw, where it was to go, and what the model imagined there, decoded."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from wm_ros.evaluation.config import EvaluationConfig
from wm_ros.evaluation.dataset.dataset import Clips, EvaluationDataset
from wm_ros.evaluation.decoders import report_decoder
from wm_ros.evaluation.studies.dynamics import commands_skip_reason, kept_clips
from wm_ros.models.checkpoint import load_checkpoint
from wm_ros.models.decoder import draw
from wm_ros.training.world_model import imagine, inferred

QUANTILES = (0.95, 0.8, 0.6, 0.4)  # of how much changes along the clip: mostly those in which much does


@torch.no_grad()
def strips(
    dataset: EvaluationDataset, config: EvaluationConfig, fidelity: Mapping[str, Any], fitted: Path
) -> dict[str, Any] | None:
    """Four held-out clips, each a row of pictures as PNG data with what they show; None without clips.

    Drawn by the checkpoint's own decoder; where it has none by the one that was fitted here, kept in a folder. Without
    either, or where the latter has learned too little (fidelity: how well it redraws), rows have the recorded pictures
    alone, and `undrawn` says why.
    """
    model = load_checkpoint(config.checkpoint)
    with_commands = commands_skip_reason(dataset, model.card.robot, config.profile) is None
    # Of the others the decoder has seen the pictures.
    latents, clips = kept_clips(dataset, with_commands, "held")
    if not len(latents):
        latents, clips = kept_clips(dataset, with_commands, "all")
    if not len(latents):
        return None
    change = np.square(latents[:, -1] - latents[:, 0]).mean(axis=(1, 2))
    order = np.argsort(change, kind="stable")
    chosen = np.unique([order[round(quantile * (len(order) - 1))] for quantile in QUANTILES])[::-1]
    ends = clips[chosen].ends(np.arange(len(chosen)))
    recorded = _recorded(dataset, ends)
    columns = {"input": recorded[:, 0]}
    drawing = report_decoder(model, config, fidelity, fitted)
    decoder = drawing.decoder
    if decoder is None:
        columns["goal"] = recorded[:, 1]
    else:
        chosen_latents = torch.from_numpy(latents[chosen])
        if with_commands:
            actions = torch.from_numpy(dataset.actions(clips[chosen]))
            imagined = model.rollout(chosen_latents[:, 0], actions)[:, -1]
        else:
            imagined = imagine(model, chosen_latents[:, 0], inferred(model, chosen_latents)[0])[:, -1]
        columns["input, decoded"] = draw(decoder, chosen_latents[:, 0])
        columns["prediction, decoded"] = draw(decoder, imagined)
        columns["goal, decoded"] = draw(decoder, chosen_latents[:, -1])
        columns["goal"] = recorded[:, 1]
    seconds = (latents.shape[1] - 1) * config.profile.model_dt
    return {
        "conditioning": "the recorded commands" if with_commands else "the true latent actions",
        "seconds": seconds,
        "undrawn": drawing.undrawn,
        "decoder": drawing.whose,
        "decoder_problem": drawing.problem,
        "columns": list(columns),
        "rows": [[as_png(column[row]) for column in columns.values()] for row in range(len(chosen))],
    }


def _recorded(dataset: EvaluationDataset, ends: Clips) -> np.ndarray:
    """The pictures of frames, black where a frame of a very long bag was not kept."""
    pictures = dataset.pictures(Clips(ends.bag, _kept(dataset, ends), ends.episode))
    pictures[_kept(dataset, ends) != ends.rows] = 0
    return pictures


def _kept(dataset: EvaluationDataset, ends: Clips) -> np.ndarray:
    rows = ends.rows.copy()
    for number, bag in enumerate(dataset.bags):
        here = ends.bag == number
        indices = np.searchsorted(bag.picture_rows, rows[here]).clip(0, len(bag.picture_rows) - 1)
        rows[here] = bag.picture_rows[indices]
    return rows


def as_png(picture: np.ndarray) -> str:
    """A picture [H, W, 3] uint8 RGB as PNG data for a page."""
    data = cv2.imencode(".png", picture[..., ::-1])[1].tobytes()
    return "data:image/png;base64," + base64.b64encode(data).decode()
