"""What a simulated robot is to those who use it: a simulator, how it is recorded, and the tasks that are set to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from wm_ros.robots.profile import RobotProfile
from wm_ros.tasks.success import Criterion


class Simulator(Protocol):
    """One robot in simulated time, moved by commands and seen by a camera.

    components: names of the A numbers of a command. timestep_s: commands are held for multiples of it.
    """

    @property
    def components(self) -> tuple[str, ...]: ...

    @property
    def timestep_s(self) -> float: ...

    @property
    def seed(self) -> int: ...

    def reset(self, seed: int) -> None:
        """Scene and start of this seed, at rest."""

    def place(self, positions: np.ndarray) -> None:
        """Be at rest in a state [P], in the same scene. Needed where there is a task."""

    def step(self, velocity: np.ndarray, duration_s: float) -> None:
        """Hold a command [A] for `duration_s`; ValueError when that is no multiple of the time step."""

    def render(self) -> np.ndarray:
        """Camera image now, [height, width, 3] uint8 RGB."""

    @property
    def positions(self) -> np.ndarray:
        """The state now [P]: what the state topic says, and trials are judged by."""

    @property
    def velocities(self) -> np.ndarray:
        """Rates for the state topic; empty where the simulator does not know them."""

    @property
    def time_s(self) -> float:
        """Simulated seconds since the reset."""

    @property
    def focal_px(self) -> float:
        """Focal length of the camera in pixels; 0 where it is no pinhole camera or not known."""


@runtime_checkable
class PositionSimulator(Simulator, Protocol):
    """A robot whose joints can be told positions."""

    def servo(self, targets: np.ndarray, duration_s: float) -> None:
        """Go to joint positions [A] for `duration_s`, and hold them; ValueError as `step`."""


class MakeSimulator(Protocol):
    """Makes a robot's simulator, by default of seed 0 and with pictures as large as its robot says."""

    def __call__(self, seed: int = ..., width: int = ..., height: int = ...) -> Simulator: ...


class Overview(Protocol):
    """Pictures for a bystander. draws_way: the way so far is in them, and the goal."""

    @property
    def draws_way(self) -> bool: ...

    def __call__(self, track: np.ndarray, goal: np.ndarray) -> np.ndarray:
        """Image [size, size, 3] uint8 of the robot at the end of a track of states [T, P]."""


# The command [A] for the next so many seconds, in a state [P].
Motion = Callable[[np.ndarray, float], np.ndarray]


@dataclass(frozen=True)
class Task:
    """Goals, and when one is reached.

    draw_start(generator): a state [P]. draw_goal(generator, positions [P]): a state that is a task from there, None
    when what was drawn is none. errors(positions [..., P], goal [P]): distances [...] m and headings [...] rad, for
    joint angles their mean error, None where there is none. rates(before [S, P], after, seconds [S]): mean actions
    [S, A]; None where states do not tell them. overview(seed, size). way(): the velocities [T, A] that led to the goal
    last drawn, a period of 0.1 s each; None where goals are no ends of motion. parts(positions [S, P]): what a state is
    made of, by name, as numbers [S, K] that a probe is asked for. coverage(positions [P], goal [P]): share of the
    thing's area in the goal that it covers; None where that is not counted.
    """

    draw_start: Callable[[np.random.Generator], np.ndarray]
    draw_goal: Callable[[np.random.Generator, np.ndarray], np.ndarray | None]
    errors: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray | None]]
    rates: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray] | None
    overview: Callable[[int, int], Overview]
    criterion: Criterion
    parts: Callable[[np.ndarray], Mapping[str, np.ndarray]]
    way: Callable[[], np.ndarray] | None = None
    coverage: Callable[[np.ndarray, np.ndarray], float] | None = None


@dataclass(frozen=True)
class SimulatedRobot:
    """What data, evaluation and demo need to know of one robot.

    components: names of the A numbers of a command. simulator: its pictures are `size` by `size` pixels by default, of
    each of its cameras, which it shows side by side.
    motion(profile, generator): how it moves for an episode that is recorded. excursion: bound of plain random motion,
    the control. task: None where nobody said what a goal is.
    """

    name: str
    components: tuple[str, ...]
    simulator: MakeSimulator
    motion: Callable[[RobotProfile, np.random.Generator], Motion]
    excursion: float
    task: Task | None
    size: int = 64
    cameras: int = 1
