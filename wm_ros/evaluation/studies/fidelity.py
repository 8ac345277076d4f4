"""What can still be seen in a latent: a small decoder, trained to redraw frames from frozen tokens, scored by PSNR."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from wm_ros.evaluation.config import EvaluationConfig
from wm_ros.evaluation.dataset.dataset import EvaluationDataset
from wm_ros.evaluation.files import read_json, slug
from wm_ros.models.decoder import SIZES, Decoder
from wm_ros.models.weights import save_weights
from wm_ros.training.decoder import fit_decoder as train_decoder
from wm_ros.training.decoder_scores import psnr, redrawn
from wm_ros.training.engine import Engine
from wm_ros.training.optimise import Schedule

STEPS = 800
SCORED = 512

Progress = Callable[[float], None]


def fidelity(
    dataset: EvaluationDataset, config: EvaluationConfig, encoder: str, keep: Path | None, progress: Progress
) -> dict[str, Any]:
    """PSNR of held-out frames redrawn from the tokens of an encoder; or `left_out`, and why.

    keep: file for the weights of the decoder, which draws predictions too.
    """
    reason = skip_reason(dataset)
    if reason:
        return {"left_out": reason}
    tokens = load_tokens(dataset, encoder)
    fitted, held = (tokens_and_pictures(dataset, tokens, role) for role in ("fit", "held"))
    grid = read_json(dataset.bags[0].folder / slug(encoder) / "grid.json")["side"]
    decoder, result = fit_decoder(config, fitted, held, grid, progress)
    if keep is not None:
        save_weights(decoder.state_dict(), keep)
    return result


def skip_reason(dataset: EvaluationDataset) -> str | None:
    """Why no decoder can be fitted and scored, None where one can."""
    if reason := dataset.no_pairs_reason():
        return reason
    roles = [any(bag.info[role] for bag in dataset.bags) for role in ("fit", "held")]
    return None if all(roles) else "one episode: nothing can be held out; record at least two, better twenty"


def drawing_skip_reason(answer: Mapping[str, Any]) -> str | None:
    """Why drawings of the decoder that this answer scores show nothing but noise, None where they show the scene."""
    if "left_out" in answer:
        return answer["left_out"]
    ours, mean = answer["psnr"], answer["psnr_of_mean_picture"]
    if ours > mean:
        return None
    return (
        f"the decoder that would draw it redraws held-out frames with a PSNR of {ours:.1f} dB, and one mean picture "
        f"for all has {mean:.1f} dB: give more episodes, or more --effort"
    )


def fit_decoder(
    config: EvaluationConfig,
    fitted: tuple[np.ndarray, np.ndarray],
    held: tuple[np.ndarray, np.ndarray],
    grid: int | None,
    progress: Progress,
) -> tuple[Decoder, dict[str, Any]]:
    """Train on tokens [S, N, D], which lie on such a grid, and pictures [S, side, side, 3]; score on others: PSNR in
    dB, and that of one mean picture for all."""
    engine, steps = Engine(), config.steps(STEPS)
    size = max(size for size in SIZES if size <= config.side)
    (tokens, pictures), (others, true) = ((some, _shrunk(shown, size)) for some, shown in (fitted, held))
    torch.manual_seed(0)
    decoder = Decoder(tokens.shape[1], tokens.shape[2], size, grid).to(engine.device)
    mean = pictures.float().mean(dim=0) / 255.0
    decoder.begin_with(mean)

    def batches(rows: np.ndarray) -> tuple[Tensor, Tensor]:
        return torch.from_numpy(tokens[rows]).float(), pictures[torch.from_numpy(rows)].float() / 255.0

    schedule = Schedule(steps, 0, lambda step, figures: progress(step / steps))
    train_decoder(decoder, batches, len(tokens), schedule, engine)
    decoder.cpu().eval()
    states = torch.from_numpy(np.ascontiguousarray(others)).float()
    return decoder, {
        "psnr": round(psnr(redrawn(decoder, states), true), 3),
        "psnr_of_mean_picture": round(psnr(mean.expand(true.shape), true), 3),
        "frames": {"fitted": len(tokens), "scored": len(true)},
        "tokens": list(tokens.shape[1:]),
    }


def _shrunk(pictures: np.ndarray, size: int) -> Tensor:
    """Pictures [S, side, side, 3] as uint8 [S, 3, size, size]."""
    found = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2)
    if found.shape[-1] == size:
        return found
    return F.interpolate(found.float(), size=(size, size), mode="area").round().byte()


def load_tokens(dataset: EvaluationDataset, encoder: str) -> list[np.ndarray]:
    """The tokens [S, N, D] that were kept of each bag, of the first of its `shown` frames."""
    return [bag.array(slug(encoder), "tokens") for bag in dataset.bags]


def tokens_and_pictures(
    dataset: EvaluationDataset, by_bag: Sequence[np.ndarray], role: str
) -> tuple[np.ndarray, np.ndarray]:
    """Of tokens by bag, those of frames in the episodes of a role, and the pictures of these frames."""
    tokens, pictures = [], []
    for bag, some in zip(dataset.bags, by_bag, strict=True):
        rows = np.array(bag.array("shown"))[: len(some)]
        bounds = np.array([bag.info["episodes"][episode] for episode in bag.info[role]]).reshape(-1, 2)
        within = ((rows[:, None] >= bounds[:, 0]) & (rows[:, None] < bounds[:, 1])).any(axis=1)
        chosen = np.flatnonzero(within)
        tokens.append(some[chosen])
        pictures.append(bag.array("pictures")[np.searchsorted(bag.picture_rows, rows[chosen])])
    count = None if role == "fit" else SCORED
    return np.concatenate(tokens)[:count], np.concatenate(pictures)[:count]
