"""Encode: a camera frame, or the frames of several cameras side by side, to their latent."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from wm_ros.models.compiled import compiled_encoder, warm_up
from wm_ros.models.planning_model import PlanningModel

SIDE = 64


class Encode:
    """One frame uint8 [H, W, 3] RGB to its latent [N, D] on the model's device."""

    def __init__(self, model: PlanningModel) -> None:
        self._model = model

    def warm_up(self) -> None:
        """Compile the encoder's network for one frame, and nothing after; takes minutes. Raises CompileError."""
        views = self._model.encoder.views
        frame = np.zeros((SIDE, views * SIDE, 3), np.uint8)  # of any size: it is resized before
        warm_up(compiled_encoder(self._model.encoder), lambda: self(frame))

    @torch.inference_mode()
    def __call__(self, frame: np.ndarray) -> Tensor:
        # The one copy of the pixels: received images are read-only, tensors are not.
        pixels = torch.from_numpy(np.array(frame)).to(self._model.device)
        return self._model.encode(pixels[None])[0]
