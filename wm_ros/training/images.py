"""Frames as the encoder sees them, cropped and shrunk once instead of in every batch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from wm_ros.data.recording import Recording
from wm_ros.models.encoders.tiny import TinyEncoder
from wm_ros.models.encoders.video import VideoEncoder
from wm_ros.models.encoders.views import SeveralViews
from wm_ros.training.states import mapped

BATCH = 128


class Images:
    """Preprocessed frames by their index: `images(rows [B])` gives float [B, 3, size, size].

    Of C cameras they have 3 * C colours.

    Frames of the encoder's size need next to nothing and are taken from the recording. Others, whose shrinking takes
    longer than a training step, are shrunk into a file in `folder` (default: TMPDIR) that vanishes with this.
    """

    def __init__(
        self,
        encoder: TinyEncoder | VideoEncoder | SeveralViews,
        recording: Recording,
        folder: str | Path | None = None,
    ) -> None:
        self._encoder, self._frames = encoder, recording.frames
        self._images: Tensor | None = None
        count, height, width = self._frames.shape[:3]
        if (height, width) != (encoder.size, encoder.views * encoder.size):
            images = mapped((count, 3 * encoder.views, encoder.size, encoder.size), folder)
            for start in range(0, count, BATCH):
                rows = np.arange(start, min(start + BATCH, count))
                images[start : start + BATCH] = self(rows)
            self._images = images

    def __call__(self, rows: np.ndarray) -> Tensor:
        if self._images is not None:
            return self._images[torch.from_numpy(rows)]
        return self._encoder.preprocess(torch.from_numpy(self._frames[rows]))
