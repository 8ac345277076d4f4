"""What is played and what was seen of it, between the live nodes and the figures made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from wm_ros.data.segments import Segment
from wm_ros.evaluation.replay.faults import RECOVERY_S, Fault
from wm_ros.evaluation.replay.safety import Reaction, Track, false_stops, react

Commands = tuple[np.ndarray, np.ndarray]  # times [K] ns, vectors [K, A]


@dataclass(frozen=True)
class Play:
    """An episode to be played until `end_ns` of the replay's clock, with a fault in it or none."""

    segment: Segment
    end_ns: int
    fault: Fault | None = None

    @property
    def duration_s(self) -> float:
        return (self.end_ns - self.segment.start_ns) * 1e-9


def whole(segment: Segment) -> Play:
    """All of an episode."""
    return Play(segment, segment.end_ns)


def around(fault: Fault, segment: Segment) -> Play:
    """An episode from its begin until the recovery from the fault."""
    after_ns = segment.start_ns + round((fault.end_s + RECOVERY_S[1]) * 1e9)
    return Play(segment, min(after_ns, segment.end_ns), fault)


@dataclass(frozen=True)
class Played:
    """What was seen of one play: the guard, which of the run's commands were sent in it, the operator's own.

    restarted: the guard had stopped for good in the fault and was told `~/start` after it.
    """

    play: Play
    track: Track
    restarted: bool
    commands: slice
    operator: Commands

    def reaction(self) -> Reaction | None:
        """How the guard met the fault of this play."""
        fault = self.play.fault
        return react(self.track, fault.at_s, fault.end_s, self.restarted)

    def false_stops(self) -> tuple[int, float, float]:
        """Number of stops without a fault, seconds in them, seconds looked at."""
        fault = self.play.fault
        return false_stops(self.track, fault and (fault.at_s, fault.end_s))


@dataclass(frozen=True)
class Seen:
    """What was seen of a whole replay.

    commands: what the guard would have sent to the robot, on the replay's clock. latencies_ms: from the camera's stamp,
    by what was made. recorded_age_ms: of frames when they were recorded. frames: how many were shown. late_ms: by how
    much later than recorded. pipeline: its diagnostics at the end.
    """

    played: tuple[Played, ...]
    commands: Commands
    latencies_ms: Mapping[str, np.ndarray]
    recorded_age_ms: np.ndarray
    frames: int
    late_ms: np.ndarray
    pipeline: Mapping[str, str]
