"""Playbacks and their results: what the live nodes did, before figures are made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from wm_ros.data.segments import Segment
from wm_ros.evaluation.replay.faults import RECOVERY_S, Fault
from wm_ros.evaluation.replay.safety import GuardTrace, Reaction, false_stops, measure_reaction

Commands = tuple[np.ndarray, np.ndarray]  # times [K] ns, vectors [K, A]


@dataclass(frozen=True)
class Playback:
    """An episode to be played until `end_ns` of the replay's clock, with a fault in it or none."""

    segment: Segment
    end_ns: int
    fault: Fault | None = None

    @property
    def duration_s(self) -> float:
        return (self.end_ns - self.segment.start_ns) * 1e-9


def whole_episode(segment: Segment) -> Playback:
    """All of an episode."""
    return Playback(segment, segment.end_ns)


def around_fault(fault: Fault, segment: Segment) -> Playback:
    """An episode from its begin until the recovery from the fault."""
    after_ns = segment.start_ns + round((fault.end_s + RECOVERY_S[1]) * 1e9)
    return Playback(segment, min(after_ns, segment.end_ns), fault)


@dataclass(frozen=True)
class PlaybackResult:
    """One playback: the guard's trace, which of the run's commands were sent in it, the operator's own.

    restarted: the guard had stopped for good in the fault and was started again after it.
    """

    playback: Playback
    trace: GuardTrace
    restarted: bool
    commands: slice
    operator: Commands

    def reaction(self, fault: Fault) -> Reaction | None:
        """How the guard met a fault, that of this playback."""
        return measure_reaction(self.trace, fault.at_s, fault.end_s, self.restarted)

    def false_stops(self) -> tuple[int, float, float]:
        """Number of stops without a fault, seconds in them, seconds observed."""
        fault = self.playback.fault
        return false_stops(self.trace, None if fault is None else (fault.at_s, fault.end_s))


@dataclass(frozen=True)
class ReplayResult:
    """Results of a whole replay.

    commands: what the guard would have sent to the robot, on the replay's clock. latencies_ms: from the camera's stamp,
    by what was made. recorded_age_ms: of frames when they were recorded. frames: how many were shown. late_ms: by how
    much later than recorded. pipeline: its diagnostics at the end.
    """

    playbacks: tuple[PlaybackResult, ...]
    commands: Commands
    latencies_ms: Mapping[str, np.ndarray]
    recorded_age_ms: np.ndarray
    frames: int
    late_ms: np.ndarray
    pipeline: Mapping[str, str]
