"""Trains one encoder by the objective of a family, and, where it is asked for, by commands from the beginning.

[ACT] compares encoders of others, of different sizes and data. Here all is equal but the objective: the network, the
recording, and how many pictures go through the encoder in a step.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from wm_ros.training.engine import Engine
from wm_ros.training.labelled_pairs import PAIRS, LabelledPairs
from wm_ros.training.objectives.kinds import OBJECTIVES
from wm_ros.training.optimise import Schedule
from wm_ros.training.standardised import Trained, raw_tokens, standardise

FRAMES = 96  # that go through the encoder in a step, of whatever family; two of each labelled pair among them
RATE = 1.5e-3
MEASURED, AT_A_TIME = 1024, 128  # frames by which the trained encoder is standardised

# From clips [B], by number, and how many of their frames are wanted, to preprocessed images [B, frames, 3, S, S].
ClipImages = Callable[[np.ndarray, int], Tensor]


def train_family(
    encoder: Trained,
    name: str,
    clips: ClipImages,
    count: int,
    schedule: Schedule,
    engine: Engine,
    labelled: LabelledPairs | None = None,
) -> None:
    """Fit an encoder by the objective of a family on `count` clips of CLIP frames.

    labelled: pairs of frames of which an inverse-dynamics head tells the command, from the first step on; they take a
    third of the frames of every step, and the head is thrown away. Figures: those of the objective; `inverse`, the
    head's L1 error in standard deviations of the commands; `waiting`, the share of the time that goes into fetching
    frames. Raises TrainingError when the loss is not finite.
    """
    choose = np.random.default_rng(schedule.seed)
    generator = torch.Generator(engine.device).manual_seed(schedule.seed)
    encoder.to(engine.device).requires_grad_(True).train()
    objective = OBJECTIVES[name](encoder).to(engine.device)
    head = None if labelled is None else labelled.head(encoder).to(engine.device)
    per_step = (FRAMES - (2 * PAIRS if labelled else 0)) // objective.frames

    def loss() -> tuple[Tensor, dict[str, float]]:
        with engine.fetching():
            shown = clips(choose.integers(0, count, per_step), objective.frames).to(engine.device)
        total, figures = objective(encoder, shown, generator)
        if labelled is not None and head is not None:
            with engine.fetching():
                pairs, actions = labelled.take(choose)
            error = labelled.error(encoder, head, pairs.to(engine.device), actions.to(engine.device))
            total, figures = total + error, {**figures, "inverse": error.item()}
        return total, figures

    trained = [encoder, objective, *([] if head is None else [head])]
    engine.optimise(name, trained, loss, schedule, RATE, [choose, generator])
    settle(encoder, clips, count, engine)


@torch.no_grad()
def settle(encoder: Trained, clips: ClipImages, count: int, engine: Engine) -> None:
    """Standardise an encoder over some frames of the clips that it was trained on, and end its training."""
    drawn = np.random.default_rng(0).integers(0, count, MEASURED)
    parts = [
        raw_tokens(encoder, clips(rows, 1)[:, 0].to(engine.device))
        for rows in np.array_split(drawn, MEASURED // AT_A_TIME)
    ]
    standardise(encoder, torch.cat(parts))
    encoder.requires_grad_(False).eval().cpu()
