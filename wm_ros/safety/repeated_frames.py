"""Detects repeated frames: a frozen camera keeps stamping anew, but its pixels give it away."""

from __future__ import annotations

from collections import deque
from typing import Any

HISTORY = 8  # drivers that hang hand out the few buffers they have in turn


class RepeatedFrames:
    """Compares each frame with the last few, byte for byte.

    The noise of a sensor makes every picture of a real camera another one, so one that was there before is not
    an observation, whatever its stamp says. Comparing costs nothing for a camera that works: it ends at the
    first byte that differs.

    tolerance_s: a picture may be shown again for this long; 0: never.
    """

    def __init__(self, tolerance_s: float) -> None:
        self._tolerance_s = tolerance_s
        self._recent: deque[tuple[float, Any]] = deque(maxlen=HISTORY)

    def reset(self) -> None:
        """Time began anew."""
        self._recent.clear()

    def age_s(self, data: Any, now_s: float) -> float | None:
        """Seconds since these bytes were new, when that is too long; None for a frame that may be used.

        data: the message's own bytes, kept without a copy; now_s: steady time.
        """
        for first_s, earlier in self._recent:
            if len(earlier) == len(data) and earlier == data:
                age_s = now_s - first_s
                return age_s if age_s > self._tolerance_s or not self._tolerance_s else None
        self._recent.append((now_s, data))
        return None
