"""Actions out of recorded places: targets or measured states, one after the other, become the rates between them."""

from __future__ import annotations

import numpy as np

from wm_ros.data.collector import Collector
from wm_ros.messages.places import displacement

# Places farther apart in time do not tell what happened in between.
GAP_S = 0.5


class RatesBetween:
    """Hands a collector the rate from each place to the next, held in between: their mean is the way over the time.

    So the action of a model step is the difference of the places at both its ends, as V-JEPA 2-AC takes it (arXiv
    2506.09985, section 3.1). gap_s: as far as places may be apart.
    """

    def __init__(self, collector: Collector, is_pose: bool, gap_s: float = GAP_S) -> None:
        self._collector, self._is_pose = collector, is_pose
        self._gap_ns = round(gap_s * 1e9)
        self._before: tuple[int, np.ndarray] | None = None

    def add(self, stamp_ns: int, place: np.ndarray) -> None:
        """A place at a stamp."""
        before, self._before = self._before, (stamp_ns, place)
        if before is None or stamp_ns <= before[0]:
            return
        if stamp_ns - before[0] > self._gap_ns:
            self._collector.lose("motions between places that are too far apart in time")
            return
        seconds = (stamp_ns - before[0]) * 1e-9
        self._collector.command(before[0], displacement(before[1], place, self._is_pose) / seconds, seconds)

    def restart(self) -> None:
        """What comes next has nothing to do with what came."""
        self._before = None
