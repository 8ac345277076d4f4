"""Which frames of several cameras belong to one moment: by their stamps, as they arrive."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class FrameSet:
    """A frame of each camera, in the profile's order, with its stamp [C] in ns."""

    stamps_ns: tuple[int, ...]
    frames: tuple[Any, ...]

    @property
    def oldest_ns(self) -> int:
        """The stamp that counts: what is made of the set is as old as its oldest frame."""
        return min(self.stamps_ns)


class FrameSets:
    """Takes the frames of each camera as they come, and gives a set as soon as there is one.

    A set has the newest frame of each camera. No frame is in two of them, and none is stamped more than the tolerance
    from another. So sets come as often as the slowest camera's frames, nothing waits for a frame that may be lost, and
    the oldest stamp of a set is newer than that of the set before. A camera without frames ends the sets.

    `unused` counts the frames by camera that were in no set when the next one came.
    """

    def __init__(self, count: int, tolerance_s: float) -> None:
        self._tolerance_ns = round(tolerance_s * 1e9)
        self._newest: list[tuple[int, Any] | None] = [None] * count
        self.unused: Counter[int] = Counter()

    def reset(self) -> None:
        """Time began anew: what waits for its partners waits in vain."""
        self._newest = [None] * len(self._newest)

    def add(self, camera: int, stamp_ns: int, frame: Any) -> FrameSet | None:
        """The newest frame of a camera; the set that it completes, if it does. Stamps of a camera must increase."""
        self.unused[camera] += self._newest[camera] is not None
        self._newest[camera] = (stamp_ns, frame)
        found = [entry for entry in self._newest if entry is not None]
        if len(found) < len(self._newest) or self.apart_ns > self._tolerance_ns:
            return None
        self.reset()
        return FrameSet(*zip(*found, strict=True))

    @property
    def apart_ns(self) -> int:
        """How far apart the stamps of the frames are that wait for their partners; 0 while a camera has none."""
        stamps = [entry[0] for entry in self._newest if entry is not None]
        return max(stamps) - min(stamps) if len(stamps) == len(self._newest) else 0
