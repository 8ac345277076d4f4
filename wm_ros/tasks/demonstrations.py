"""Demonstrations to imitate: an expert who is told where everything is drives a simulated robot along a way.

Whoever imitates it sees the frames alone, from another start, in the same scene or another one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from wm_ros.data.exploration import held_plan
from wm_ros.messages.plan import Plan
from wm_ros.robots.profile import RobotProfile
from wm_ros.tasks.experts import KINDS, Kind, Way
from wm_ros.tasks.lockstep import FIRST_SCENE, LockstepOptions, drive
from wm_ros.tasks.protocol import Task
from wm_ros.tasks.simulated import simulated, task_of

PERIOD_S = 0.1
LIMIT_S = 30.0
REST_S = 1.2  # that ends a demonstration: longer than the end must be held
HELD_S = 1.0  # that the end must be held for
TRIES = 100


@dataclass(frozen=True)
class ExpertDemonstration:
    """What was shown: frames [F, H, W, 3], a PERIOD_S apart, the states [F, P] in them, and the rates [F, A] that the
    expert told after each.

    scene: seed of the simulator. stops [W, P]: states that must be passed in this order, the last one to stay in.
    """

    kind: Kind
    scene: int
    frames: np.ndarray
    states: np.ndarray
    rates: np.ndarray
    stops: np.ndarray
    keep_out: tuple[np.ndarray, float] | None

    def places(self, task: Task, states: np.ndarray) -> np.ndarray:
        """Places [T, 2] m in states [T, P] of what the way is measured by."""
        return task.parts(states)[self.kind.place]

    def done(self, task: Task, times_s: np.ndarray, track: np.ndarray) -> bool:
        """Whether a track of states [T, P] at times [T] does the same: all stops in order, the last one held."""
        begin = 0
        for stop in self.stops:
            distances, headings = task.errors(track[begin:], stop)
            near = np.flatnonzero(task.criterion.near(distances, headings))
            if not len(near):
                return False
            begin += int(near[0])
        held = track[times_s >= times_s[-1] - HELD_S]
        return bool(task.criterion.near(*task.errors(held, self.stops[-1])).all()) and self.clear(task, track)

    def clear(self, task: Task, track: np.ndarray) -> bool:
        """Whether nothing on a track [T, P] was where it must not be."""
        if self.keep_out is None:
            return True
        centre, radius = self.keep_out
        return bool(np.linalg.norm(self.places(task, track) - centre, axis=1).min() > radius)


class _Expert:
    """A policy that is told the state, and keeps what it sees and does; it is at rest after its last leg."""

    def __init__(self, profile: RobotProfile, way: Way) -> None:
        self._names, self._still, self._legs = profile.names, np.zeros(len(profile.names)), list(way.legs)
        self._seconds = self._rested_s = 0.0
        self.frames: list[np.ndarray] = []
        self.states: list[np.ndarray] = []
        self.rates: list[np.ndarray] = []
        self.ends: list[int] = []  # of the legs, as indexes of frames

    def ended(self, times_s: np.ndarray, track: np.ndarray) -> bool:
        return self._rested_s >= REST_S

    def inform(self, positions: np.ndarray, goal: np.ndarray) -> None:
        self.states.append(positions)

    def __call__(self, stamp_ns: int, frame: np.ndarray) -> Plan:
        self.frames.append(frame)
        self.rates.append(self._next(self.states[-1]))
        return held_plan(stamp_ns, self._names, self.rates[-1], PERIOD_S)

    def _next(self, state: np.ndarray) -> np.ndarray:
        while self._legs and self._legs[0].over(state, self._seconds):
            self._legs.pop(0)
            self._seconds = 0.0
            self.ends.append(len(self.frames) - 1)
        if not self._legs:
            self._rested_s += PERIOD_S
            return self._still
        self._seconds += PERIOD_S
        return self._legs[0].rates(state)


def kinds_of(profile: RobotProfile) -> dict[str, Kind]:
    """The kinds of demonstrations of a robot by name; ValueError where there are none."""
    name = simulated(profile).name
    if name not in KINDS:
        raise ValueError(f"there are no demonstrations of robot {profile.name}, only of {', '.join(KINDS)}")
    return dict(KINDS[name])


def demonstrate(profile: RobotProfile, kind: Kind, number: int, seed: int = 0) -> ExpertDemonstration:
    """The demonstration of this number and seed, in a scene of its own; equal numbers and seeds, equal frames."""
    generator = np.random.default_rng([seed, number, 4])
    robot = simulated(profile)
    simulator, task = robot.simulator(FIRST_SCENE + 1000 * seed + number), task_of(profile, robot)
    options = LockstepOptions(latency_s=0.0, camera_hz=1.0 / PERIOD_S)
    for _ in range(TRIES):
        while (way := kind.draw(generator)) is None:
            pass
        simulator.place(way.start)
        expert = _Expert(profile, way)
        drive(profile, expert, simulator, way.start, options, LIMIT_S, expert.ended)
        states, count = np.array(expert.states), len(way.legs)
        if len(expert.ends) < count:
            continue
        stops = states[[expert.ends[leg] for leg in way.stops] + [-1]]
        found = ExpertDemonstration(
            kind, simulator.seed, np.array(expert.frames), states, np.array(expert.rates), stops, way.keep_out
        )
        if found.done(task, PERIOD_S * np.arange(len(states)), states) and _far(task, states):
            return found
    raise RuntimeError(f"no demonstration of robot {profile.name} succeeded in {TRIES} tries")


def other_start(task: Task, shown: ExpertDemonstration, number: int, seed: int = 0) -> np.ndarray:
    """A state [P] near the begin of a demonstration, out of where nothing must be."""
    generator = np.random.default_rng([seed, number, 5])
    for _ in range(TRIES):
        start = shown.kind.near(generator, shown.states[0])
        if shown.clear(task, start[None]):
            return start
    raise RuntimeError(f"no start near {shown.states[0]} in {TRIES} tries")


def _far(task: Task, states: np.ndarray) -> bool:
    """Whether the way leads out of where it begins."""
    distances, headings = task.errors(states, states[0])
    return not bool(task.criterion.near(distances, headings).all())
