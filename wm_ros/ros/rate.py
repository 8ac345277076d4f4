"""How often something happens."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

WINDOW = 20
SILENT_S = 2.0


class Rate:
    """Events per second over the last twenty; one thread adds, any reads. clock: seconds of steady time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._times_s: deque[float] = deque(maxlen=WINDOW)

    def add(self) -> None:
        self._times_s.append(self._clock())

    def hz(self) -> float:
        """0.0 before the second event, and when the last one is long ago."""
        times_s = list(self._times_s)
        if len(times_s) < 2 or self._clock() - times_s[-1] > SILENT_S or times_s[-1] <= times_s[0]:
            return 0.0
        return (len(times_s) - 1) / (times_s[-1] - times_s[0])
