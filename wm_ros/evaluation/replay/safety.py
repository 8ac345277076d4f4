"""When the guard moved and stood while a bag played, and how well it met a fault.

As in nav2's bag test of its collision monitor: time to stop, share of time held, time to resume, false stops. All
times are seconds of the replay since the play began: they pass at its rate, whatever a fault does to ROS time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

MOVING = ("active", "stopping")
# Reports of the guard and its commands come by different ways: they may cross by so much.
REPORT_S = 0.2


class GuardEvent(NamedTuple):
    """The guard reported a state, with the reason when it is one of stopping."""

    at_s: float
    state: str
    reason: str


@dataclass(frozen=True)
class GuardTrace:
    """The guard in one playback: its states, the times of commands that were not zero, the end."""

    events: tuple[GuardEvent, ...]
    moving_s: Sequence[float]
    end_s: float

    @property
    def first_active_s(self) -> float | None:
        """When it followed its first plan."""
        return next((event.at_s for event in self.events if event.state == "active"), None)

    def stops(self) -> list[GuardEvent]:
        """What ended each stretch of following plans."""
        pairs = zip(self.events, self.events[1:], strict=False)
        return [after for before, after in pairs if before.state == "active" and after.state != "active"]

    def spent_s(self, states: Sequence[str], begin_s: float, end_s: float) -> float:
        """Seconds in these states between two times."""
        return sum(
            max(min(until_s, end_s) - max(event.at_s, begin_s), 0.0)
            for event, until_s in self._spans()
            if event.state in states
        )

    def moved_while_standing(self) -> int:
        """Commands that were not zero while the guard said that the robot stands."""
        standing = [(event.at_s, until_s) for event, until_s in self._spans() if event.state not in MOVING]
        return sum(
            any(begin_s + REPORT_S < at_s < until_s - REPORT_S for begin_s, until_s in standing)
            for at_s in self.moving_s
        )

    def _spans(self) -> list[tuple[GuardEvent, float]]:
        ends = [event.at_s for event in self.events[1:]] + [self.end_s]
        return list(zip(self.events, ends, strict=True))


@dataclass(frozen=True)
class Reaction:
    """How the guard met one fault; None for what did not happen.

    time_to_stop_s: from the first false (or missing) frame until the robot stands. held_pct: of the time from then to
    the end of the fault. time_to_resume_s: from the first good frame until plans are followed again. restarted: that
    took a `~/start`, as after every stop that latches.
    """

    time_to_stop_s: float | None
    held_pct: float
    time_to_resume_s: float | None
    restarted: bool
    reason: str


def measure_reaction(trace: GuardTrace, begin_s: float, end_s: float, restarted: bool) -> Reaction | None:
    """What the guard did about a fault between two times; None when it followed no plan when the fault began."""
    before = [event for event in trace.events if event.at_s <= begin_s]
    if not before or before[-1].state != "active":
        return None
    during = [event for event in trace.events if begin_s < event.at_s]
    stood = next((event for event in during if event.state not in MOVING and event.at_s <= end_s), None)
    if stood is None:
        return Reaction(None, 0.0, None, restarted, "")
    fault_s = max(end_s - stood.at_s, 1e-9)
    held_s = fault_s - trace.spent_s(MOVING, stood.at_s, end_s)
    resumed = next((event.at_s for event in during if event.state == "active" and event.at_s >= end_s), None)
    if resumed is None and trace.spent_s(("active",), end_s, end_s + 1e-9):
        resumed = end_s  # it had gone on before the fault was over
    return Reaction(
        time_to_stop_s=stood.at_s - begin_s,
        held_pct=100.0 * held_s / fault_s,
        time_to_resume_s=None if resumed is None else resumed - end_s,
        restarted=restarted,
        reason=next(event.reason for event in during if event.state != "active"),
    )


def false_stops(trace: GuardTrace, fault_s: tuple[float, float] | None = None) -> tuple[int, float, float]:
    """Stops without a fault: how many, seconds not spent following plans, and seconds observed.

    Observed is what follows the first plan, without the fault (begin, end) and the recovery from it.
    """
    begin_s = trace.first_active_s
    if begin_s is None:
        return 0, 0.0, 0.0
    spans = [(begin_s, trace.end_s)]
    if fault_s is not None:
        after = (event.at_s for event in trace.events if event.state == "active" and event.at_s >= fault_s[1])
        spans = [(begin_s, fault_s[0]), (next(after, trace.end_s), trace.end_s)]
    count = sum(any(begin < stop.at_s < end for begin, end in spans) for stop in trace.stops())
    observed_s = sum(max(end - begin, 0.0) for begin, end in spans)
    active_s = sum(trace.spent_s(("active",), begin, end) for begin, end in spans)
    return count, max(observed_s - active_s, 0.0), observed_s
