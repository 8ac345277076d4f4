"""The newest states that lie one model step apart: what the forward model gets to see of the past."""

from __future__ import annotations

from collections import deque

import torch
from torch import Tensor

# As far as a frame may be from where it should be in time, in model steps.
TOLERANCE = 0.25


class Observed:
    """Called with each frame's stamp and state [N, D]; gives the states [T, N, D] up to it, T up to `frames`."""

    def __init__(self, frames: int, step_ns: int) -> None:
        self._frames, self._step_ns = frames, step_ns
        self._seen: deque[tuple[int, Tensor]] = deque()

    def reset(self) -> None:
        self._seen.clear()

    def __call__(self, stamp_ns: int, state: Tensor) -> Tensor:
        if self._seen and stamp_ns < self._seen[-1][0]:
            self.reset()  # the clock was set back
        self._seen.append((stamp_ns, state))
        while self._seen[0][0] < stamp_ns - self._frames * self._step_ns:
            self._seen.popleft()
        found = [state]
        for back in range(1, self._frames):
            wanted = stamp_ns - back * self._step_ns
            nearest, before = min(self._seen, key=lambda one: abs(one[0] - wanted))
            if abs(nearest - wanted) > TOLERANCE * self._step_ns:
                break
            found.append(before)
        return torch.stack(found[::-1])
