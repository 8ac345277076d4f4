"""Infer: the latent action between a frame and the frame one model step before."""

from __future__ import annotations

from collections import deque

import torch
from torch import Tensor

from wm_ros.models.world_model import WorldModel

TOLERANCE = 0.25  # of a model step, either way


class Infer:
    """Keeps the last latents and pairs each new one with the latent one model_dt before it.

    Frames may come faster than the model's rate; a gap gives None until a pair is complete again.
    """

    def __init__(self, model: WorldModel) -> None:
        self._model = model
        self._dt_ns = round(1e9 / model.card.robot.model_rate_hz)
        self._history: deque[tuple[int, Tensor]] = deque()

    def reset(self) -> None:
        """Forget the frames seen so far."""
        self._history.clear()

    @torch.inference_mode()
    def __call__(self, stamp_ns: int, latent: Tensor) -> Tensor | None:
        """Latent [N, D] of the frame at `stamp_ns` to a latent action [Z], or None without a frame to pair with."""
        if self._history and stamp_ns <= self._history[-1][0]:
            self._history.clear()
        target, slack = stamp_ns - self._dt_ns, round(TOLERANCE * self._dt_ns)
        while self._history and self._history[0][0] < target - slack:
            self._history.popleft()
        nearest = min(self._history, key=lambda entry: abs(entry[0] - target), default=None)
        self._history.append((stamp_ns, latent))
        if nearest is None or abs(nearest[0] - target) > slack:
            return None
        return self._model.infer(nearest[1][None], latent[None])[0]
