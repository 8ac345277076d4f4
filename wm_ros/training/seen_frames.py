"""Frames with their states and as small pictures, encoded and shrunk once: what a decoder is trained and scored on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from wm_ros.data.recording import Recording
from wm_ros.models.encoders.encoder import Encoder
from wm_ros.training.states import mapped

BATCH = 32


@dataclass(frozen=True)
class SeenFrames:
    """States float32 [R, N, D], and pictures uint8 [R, 3, size, size] of what the encoder saw; mapped from disk."""

    states: Tensor
    pictures: Tensor

    def __len__(self) -> int:
        return len(self.states)

    def take(self, rows: np.ndarray) -> tuple[Tensor, Tensor]:
        """States [B, N, D], and pictures [B, 3, size, size] in 0 .. 1."""
        chosen = torch.from_numpy(rows)
        return self.states[chosen], self.pictures[chosen].float() / 255.0

    def mean_picture(self) -> Tensor:
        """The mean of the pictures, [3, size, size] in 0 .. 1."""
        total = sum(part.sum(dim=0, dtype=torch.float64) for part in self.pictures.split(256))
        return (torch.as_tensor(total) / (255.0 * len(self))).float()


@torch.no_grad()
def seen_frames(
    encoder: Encoder, recording: Recording, rows: np.ndarray, size: int, folder: str | Path | None
) -> SeenFrames:
    """These frames [R] of a recording, encoded and shrunk to `size` pixels, in files in `folder` (default: TMPDIR)."""
    device = next(encoder.parameters()).device
    states = mapped((len(rows), encoder.tokens, encoder.dim), folder)
    pictures = mapped((len(rows), 3, size, size), folder, np.uint8)
    for start in range(0, len(rows), BATCH):
        part = slice(start, start + BATCH)
        frames = torch.from_numpy(recording.frames[rows[part]]).to(device)
        states[part] = encoder(frames).cpu()
        seen = F.interpolate(encoder.input_pictures(frames), size=(size, size), mode="area")
        pictures[part] = (255.0 * seen).round().byte().cpu()
    return SeenFrames(states, pictures)


def evenly(rows: np.ndarray, most: int) -> np.ndarray:
    """At most so many of these rows, evenly spaced."""
    return rows[np.linspace(0, len(rows) - 1, min(len(rows), most)).round().astype(int)]
