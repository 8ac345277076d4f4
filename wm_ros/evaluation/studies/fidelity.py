"""What can still be seen in a latent: a small decoder, trained to redraw frames from frozen tokens, scored by PSNR."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from wm_ros.evaluation.config import EvaluationConfig
from wm_ros.evaluation.dataset.dataset import EvaluationDataset
from wm_ros.evaluation.files import slug
from wm_ros.training.engine import Engine
from wm_ros.training.optimise import Schedule

STEPS = 800
BATCH = 32
RATE = 2e-3
CHANNELS = 128
GRID = 8
SCORED = 512

Progress = Callable[[float], None]


class Decoder(nn.Module):
    """Tokens [B, N, D] to pictures [B, 3, side, side] in 0 .. 1; .4 M weights behind the first layer.

    A square number of tokens is taken as a grid; any other is averaged first.
    """

    def __init__(self, tokens: int, dim: int, side: int) -> None:
        super().__init__()
        self.side, self.rows = side, math.isqrt(tokens) if math.isqrt(tokens) ** 2 == tokens else 1
        self.norm = nn.LayerNorm(dim, elementwise_affine=False) if dim > 64 else nn.Identity()
        cells = GRID * GRID if self.rows == 1 else 1
        self.first = nn.Linear(dim, CHANNELS * cells)
        self.rest = nn.Sequential(
            nn.GroupNorm(8, CHANNELS),
            nn.SiLU(),
            nn.ConvTranspose2d(CHANNELS, 64, 4, 2, 1),
            nn.GroupNorm(8, 64),
            nn.SiLU(),
            nn.ConvTranspose2d(64, 48, 4, 2, 1),
            nn.GroupNorm(8, 48),
            nn.SiLU(),
            nn.ConvTranspose2d(48, 3, 4, 2, 1),
        )

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = self.norm(tokens)
        if self.rows == 1:
            x = self.first(tokens.mean(dim=1)).unflatten(1, (CHANNELS, GRID, GRID))
        else:
            x = self.first(tokens).transpose(1, 2).unflatten(2, (self.rows, self.rows))
            x = F.interpolate(x, size=(GRID, GRID), mode="bilinear", antialias=True)
        x = torch.sigmoid(self.rest(x))
        return x if self.side == 8 * GRID else F.interpolate(x, size=(self.side, self.side), mode="bilinear")


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
    decoder, result = fit_decoder(config, fitted, held, progress)
    if keep is not None:
        save_file(dict(decoder.state_dict()), keep)
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


def load_decoder(path: Path, tokens: int, dim: int, side: int) -> Decoder:
    """The decoder that was kept."""
    decoder = Decoder(tokens, dim, side)
    decoder.load_state_dict(load_file(path))
    return decoder.eval()


def fit_decoder(
    config: EvaluationConfig,
    fitted: tuple[np.ndarray, np.ndarray],
    held: tuple[np.ndarray, np.ndarray],
    progress: Progress,
) -> tuple[Decoder, dict[str, Any]]:
    """Train on tokens [S, N, D] and pictures [S, side, side, 3], score on others: PSNR in dB, and that of one mean
    picture for all."""
    tokens, pictures = fitted
    torch.manual_seed(0)
    decoder, engine = Decoder(tokens.shape[1], tokens.shape[2], config.side), Engine()
    rng, steps = np.random.default_rng(0), config.steps(STEPS)

    def loss() -> tuple[Tensor, dict[str, float]]:
        rows = np.sort(rng.integers(0, len(tokens), BATCH))
        batch = torch.from_numpy(tokens[rows]).float().to(engine.device)
        return F.mse_loss(decoder(batch), _images(pictures[rows]).to(engine.device)), {}

    schedule = Schedule(steps, 0, lambda step, figures: progress(step / steps))
    engine.optimise("decoder", [decoder], loss, schedule, RATE, [rng])
    decoder.cpu()
    decoder.eval()
    mean = pictures.mean(axis=0) / 255.0
    ours = [_psnr(drawn, true) for drawn, true in _drawn(decoder, *held)]
    flat = [_psnr(mean, picture / 255.0) for picture in held[1]]
    return decoder, {
        "psnr": round(float(np.mean(ours)), 3),
        "psnr_of_mean_picture": round(float(np.mean(flat)), 3),
        "frames": {"fitted": len(tokens), "scored": len(ours)},
        "tokens": list(tokens.shape[1:]),
    }


@torch.no_grad()
def draw(decoder: Decoder, tokens: np.ndarray) -> np.ndarray:
    """Pictures [B, side, side, 3] uint8 of tokens [B, N, D]."""
    images = decoder(torch.from_numpy(np.ascontiguousarray(tokens)).float())
    return (255.0 * images.permute(0, 2, 3, 1)).round().byte().numpy()


@torch.no_grad()
def _drawn(decoder: Decoder, tokens: np.ndarray, pictures: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    found = []
    for start in range(0, len(tokens), BATCH):
        images = decoder(torch.from_numpy(tokens[start : start + BATCH]).float()).permute(0, 2, 3, 1).numpy()
        found += list(zip(images, pictures[start : start + BATCH] / 255.0, strict=True))
    return found


def _psnr(drawn: np.ndarray, true: np.ndarray) -> float:
    return float(-10.0 * np.log10(max(np.square(drawn - true).mean(), 1e-10)))


def _images(pictures: np.ndarray) -> Tensor:
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255.0


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
