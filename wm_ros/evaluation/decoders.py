"""The decoder that draws for a report: the checkpoint's own, else the one that was fitted for the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wm_ros.evaluation.config import EvaluationConfig
from wm_ros.evaluation.studies.fidelity import drawing_skip_reason
from wm_ros.models.card import CheckpointError
from wm_ros.models.decoder import SIZES, Decoder
from wm_ros.models.decoder_checkpoint import load_decoder
from wm_ros.models.weights import DECODER_WEIGHTS, fill, read_weights
from wm_ros.models.world_model import WorldModel


@dataclass(frozen=True)
class Drawing:
    """A decoder, or why there is none.

    fitted: here, on the episodes to fit on; else the checkpoint brought it. undrawn: why nothing can be drawn, None
    with a decoder. problem: why the checkpoint's own decoder is not used; empty where it is, or there is none.
    """

    decoder: Decoder | None
    fitted: bool
    undrawn: str | None
    problem: str

    @property
    def whose(self) -> str:
        """Which decoder it is, for people."""
        return "that is fitted here" if self.fitted else "that is kept in the checkpoint's folder"


def report_decoder(
    model: WorldModel, config: EvaluationConfig, fidelity: Mapping[str, Any], fitted: Path
) -> Drawing:
    """The checkpoint's own decoder; where it has none that fits, that which `fidelity` kept in a folder, if it learned.

    fidelity: how well the latter redraws.
    """
    problem = ""
    try:
        own = load_decoder(config.checkpoint, model.encoder)
    except CheckpointError as error:
        own, problem = None, f"the checkpoint's own decoder is not used: {error}"
    if own is not None:
        return Drawing(own, False, None, "")
    undrawn = drawing_skip_reason(fidelity)
    decoder = None if undrawn is not None else _fitted_decoder(fitted, model, config.side)
    return Drawing(decoder, True, undrawn, problem)


def _fitted_decoder(folder: Path, model: WorldModel, side: int) -> Decoder:
    """The decoder that `fidelity` kept in this folder."""
    encoder, size = model.encoder, max(size for size in SIZES if size <= side)
    weights = read_weights(folder, DECODER_WEIGHTS)
    return fill(
        lambda: Decoder(encoder.tokens, encoder.dim, size, encoder.grid),
        weights,
        folder,
        "cpu",
        DECODER_WEIGHTS,
    )
