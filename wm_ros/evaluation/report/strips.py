"""Frame strips: what the robot saw, where it was to go, and what the model imagined there, decoded."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from wm_ros.evaluation.evidence.parts import Chains, Evidence
from wm_ros.evaluation.evidence.request import Ask
from wm_ros.evaluation.studies.dynamics import held_clips, why_no_commands
from wm_ros.evaluation.studies.fidelity import draw, load_decoder, why_undrawn
from wm_ros.models.checkpoint import load_checkpoint
from wm_ros.training.world_model import imagine, inferred

QUANTILES = (0.95, 0.8, 0.6, 0.4)  # of how much changes along the clip: mostly those in which much does


@torch.no_grad()
def strips(
    evidence: Evidence, ask: Ask, fidelity: Mapping[str, Any], decoder_file: Path
) -> dict[str, Any] | None:
    """Four held-out clips, each a row of pictures as PNG data with what they show; None without clips.

    Without a decoder, or with one that has learned too little (fidelity: how well it redraws), rows have the recorded
    pictures alone, and `undrawn` says why.
    """
    model = load_checkpoint(ask.checkpoint)
    told = why_no_commands(evidence, model.card.robot, ask.profile) is None
    states, chains = held_clips(evidence, labelled=told)
    if not len(states):
        return None
    change = np.square(states[:, -1] - states[:, 0]).mean(axis=(1, 2))
    order = np.argsort(change, kind="stable")
    chosen = np.unique([order[round(quantile * (len(order) - 1))] for quantile in QUANTILES])[::-1]
    ends = chains[chosen].ends(np.arange(len(chosen)))
    recorded = _recorded(evidence, ends)
    columns = {"input": recorded[:, 0], "goal": recorded[:, 1]}
    undrawn = why_undrawn(fidelity)
    if undrawn is None:
        some = torch.from_numpy(states[chosen])
        if told:
            actions = torch.from_numpy(evidence.actions(chains[chosen]))
            imagined = model.rollout(some[:, 0], actions)[:, -1]
        else:
            imagined = imagine(model, some[:, 0], inferred(model, some)[0])[:, -1]
        decoder = load_decoder(decoder_file, *states.shape[2:], ask.side)
        columns["prediction, decoded"] = draw(decoder, imagined.numpy())
        columns["goal, decoded"] = draw(decoder, states[chosen][:, -1])
    seconds = (states.shape[1] - 1) * ask.profile.model_dt
    return {
        "told": "the recorded commands" if told else "the true latent actions",
        "seconds": seconds,
        "undrawn": undrawn,
        "columns": list(columns),
        "rows": [[_png(column[row]) for column in columns.values()] for row in range(len(chosen))],
    }


def _recorded(evidence: Evidence, ends: Chains) -> np.ndarray:
    """The pictures of frames, black where a frame of a very long bag was not kept."""
    pictures = evidence.pictures(Chains(ends.part, _kept(evidence, ends), ends.episode))
    pictures[_kept(evidence, ends) != ends.rows] = 0
    return pictures


def _kept(evidence: Evidence, ends: Chains) -> np.ndarray:
    rows = ends.rows.copy()
    for number, part in enumerate(evidence.parts):
        here = ends.part == number
        places = np.searchsorted(part.pictured, rows[here]).clip(0, len(part.pictured) - 1)
        rows[here] = part.pictured[places]
    return rows


def _png(picture: np.ndarray) -> str:
    data = cv2.imencode(".png", picture[..., ::-1])[1].tobytes()
    return "data:image/png;base64," + base64.b64encode(data).decode()
