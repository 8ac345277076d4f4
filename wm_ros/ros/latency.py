"""How old an observation is when something made of it is published."""

from __future__ import annotations

from collections import deque

WINDOW = 100


class Latency:
    """Seconds from a camera stamp to the publication, over the last hundred; one thread adds, any reads."""

    def __init__(self) -> None:
        self._samples: deque[float] = deque(maxlen=WINDOW)

    def add(self, seconds: float) -> None:
        self._samples.append(seconds)

    def percentile(self, percent: int) -> float | None:
        """Nearest-rank percentile in seconds; None before the first sample."""
        ordered = sorted(self._samples.copy())
        return ordered[-(-len(ordered) * percent // 100) - 1] if ordered else None
