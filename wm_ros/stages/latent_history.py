"""The newest latents that lie one model step apart: what the forward model gets to see of the past."""

from __future__ import annotations

from collections import deque

import torch
from torch import Tensor

# As far as a frame may be from where it should be in time, in model steps.
TOLERANCE = 0.25


class LatentHistory:
    """Called with each frame's stamp and latent [N, D]; gives the latents [T, N, D] up to it, T up to `frames`."""

    def __init__(self, frames: int, step_ns: int) -> None:
        self._frames, self._step_ns = frames, step_ns
        self._latents: deque[tuple[int, Tensor]] = deque()

    def reset(self) -> None:
        self._latents.clear()

    def __call__(self, stamp_ns: int, latent: Tensor) -> Tensor:
        if self._latents and stamp_ns < self._latents[-1][0]:
            self.reset()  # the clock was set back
        self._latents.append((stamp_ns, latent))
        while self._latents[0][0] < stamp_ns - self._frames * self._step_ns:
            self._latents.popleft()
        found = [latent]
        for back in range(1, self._frames):
            wanted = stamp_ns - back * self._step_ns
            nearest, before = min(self._latents, key=lambda one: abs(one[0] - wanted))
            if abs(nearest - wanted) > TOLERANCE * self._step_ns:
                break
            found.append(before)
        return torch.stack(found[::-1])
