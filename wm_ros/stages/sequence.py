"""One goal after the other as a state machine: time, distances and the guard in; which goal, and when to stop, out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

# A goal that was near stays so up to this many times its distance: a distance trembles, too.
LEAVING = 1.5
# Nearer than this many times the distance of a reached goal, a robot need not come nearer to have its time.
CLOSE = 2.0


class SequenceState(str, Enum):
    """What the sequence does."""

    IDLE = "idle"  # until `start`
    DRIVING = "driving"
    HOLDING = "holding"  # near enough, until it has been for hold_s
    STOPPED = "stopped"  # until `start`
    DONE = "done"  # until `reset`


class Outcome(str, Enum):
    """How it went with a goal."""

    REACHED = "reached"
    LATE = "not in time"
    STUCK = "not getting nearer"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class SequenceOptions:
    """reached: goal distance at which the robot is there; hold_s: for how long it must be; limit_s: of time for a goal.

    stuck_s: beyond twice `reached`, so many seconds without coming nearer by `reached` end the sequence; 0: never.
    """

    reached: float
    hold_s: float = 1.0
    limit_s: float = 20.0
    stuck_s: float = 8.0


@dataclass(frozen=True)
class GoalResult:
    """Of one goal. Distances in the goal distance's unit; None where none was measured."""

    number: int
    outcome: Outcome
    seconds: float
    start_distance: float | None
    distance: float | None


class GoalSequence:
    """Decides which of its goals is the present one, and when there is nothing more to do.

    Every call has the time in seconds, of a clock that never jumps. Times of a goal run from `start` or from the moment
    it becomes the present one. Whoever owns it shows the goal `number` whenever `shows` changes, and stops the robot in
    every state but driving and holding.
    """

    def __init__(self, options: SequenceOptions, count: int = 0) -> None:
        self.options = options
        self.count = count
        self.start_distance: float | None = None  # of the present goal
        self.distance: float | None = None
        self.shown_s = self._near_s = self._mark = self._marked_s = self._ticked_s = 0.0
        self.reset()

    def reset(self) -> None:
        """Begin with the first goal at the next `start`; forget all results."""
        self.state = SequenceState.IDLE
        self.number = 0
        self.results: list[GoalResult] = []
        self.reason = ""
        self.shows = 0  # counts: another goal, or the same once more
        self._armed = False
        self._forget()

    @property
    def running(self) -> bool:
        """Whether it is under way: the robot may move."""
        return self.state in (SequenceState.DRIVING, SequenceState.HOLDING)

    @property
    def reached(self) -> int:
        """How many goals were reached."""
        return sum(result.outcome is Outcome.REACHED for result in self.results)

    def start(self, now_s: float) -> str:
        """Begin, or go on with the present goal; returns why not, or nothing."""
        if self.running:
            return f"it is {self.state.value} already"
        if self.state is SequenceState.DONE:
            return "it is done: reset it to begin anew"
        if not self.count:
            return "there is no goal"
        self._show(now_s)
        return ""

    def stop(self, reason: str) -> None:
        """Stop where the robot is; `start` goes on with the same goal."""
        if self.running:
            self.state, self.reason = SequenceState.STOPPED, reason

    def skip(self, now_s: float) -> str:
        """The next goal, or the end; returns why not, or nothing."""
        if self.state in (SequenceState.IDLE, SequenceState.DONE):
            return f"it is {self.state.value}: there is no goal to leave"
        was_stopped = self.state is SequenceState.STOPPED
        self._finish(now_s, Outcome.SKIPPED)
        if was_stopped and self.running:
            self.state = SequenceState.STOPPED
        return ""

    def measure(self, now_s: float, distance: float) -> None:
        """How far the present goal is now."""
        if not self.running:
            return
        if self.start_distance is None:
            self.start_distance = self._mark = distance
            self._marked_s = now_s
        self.distance = distance
        near = self.options.reached * (LEAVING if self.state is SequenceState.HOLDING else 1.0)
        if distance > near:
            self.state = SequenceState.DRIVING
        elif self.state is SequenceState.DRIVING:
            self.state, self._near_s = SequenceState.HOLDING, now_s
        if distance <= self._mark - self.options.reached or distance <= CLOSE * self.options.reached:
            self._mark, self._marked_s = distance, now_s

    def tick(self, now_s: float, guard: str, said: str = "") -> None:
        """Time passes; guard: its state, empty where it is not known; said: its message."""
        if not self.running:
            return
        options, armed = self.options, guard not in ("", "idle", "stopped")
        if self._armed and not armed:
            self.stop(f"the guard has stopped the robot: {said}")
            return
        self._armed |= armed
        if guard != "active":
            self._marked_s += now_s - self._ticked_s  # nobody drives: no wonder that the goal is no nearer
        self._ticked_s = now_s
        if self.state is SequenceState.HOLDING and now_s - self._near_s >= options.hold_s:
            self._finish(now_s, Outcome.REACHED)
        elif self.start_distance is not None and 0.0 < options.stuck_s <= now_s - self._marked_s:
            self._finish(now_s, Outcome.STUCK)
        elif now_s - self.shown_s >= options.limit_s:
            self._finish(now_s, Outcome.LATE)

    def seconds(self, now_s: float) -> float:
        """For how long the present goal is pursued; 0 while none is."""
        return now_s - self.shown_s if self.running else 0.0

    def _finish(self, now_s: float, outcome: Outcome) -> None:
        seconds = self.seconds(now_s)
        self.results.append(GoalResult(self.number, outcome, seconds, self.start_distance, self.distance))
        if outcome is Outcome.STUCK or self.number + 1 >= self.count:
            self.state = SequenceState.DONE
            self.reason = f"goal {self.number + 1} is {outcome.value}" if outcome is Outcome.STUCK else ""
            return
        self.number += 1
        armed = self._armed
        self._show(now_s)
        self._armed = armed

    def _show(self, now_s: float) -> None:
        self._forget()
        self.state, self.reason, self.shown_s = SequenceState.DRIVING, "", now_s
        self._ticked_s = now_s
        self._armed = False
        self.shows += 1

    def _forget(self) -> None:
        self.start_distance = self.distance = None
        self.shown_s = self._near_s = self._mark = self._marked_s = self._ticked_s = 0.0
