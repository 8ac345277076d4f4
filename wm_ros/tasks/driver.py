"""Drivers of a simulated robot on its own clock: velocities are held and end, positions are gone to and held."""

from __future__ import annotations

import numpy as np

from wm_ros.robots.profile import ProfileError, RobotProfile
from wm_ros.tasks.protocol import PositionSimulator, Simulator


class Driver:
    """Moves a robot through time as its driver does. Times are nanoseconds since the driver was made.

    A command counts from the first time step that begins after it came: what is under way is not changed any more.
    timeout_s: a command is held for this long, then the robot is told to stand still.
    """

    def __init__(self, robot: Simulator, timeout_s: float) -> None:
        self._robot = robot
        self._step_ns = round(robot.timestep_s * 1e9)
        self._timeout_ns = round(timeout_s * 1e9)
        self._still = self._velocity = np.zeros(len(robot.components))
        self._expiry_ns = 0
        self._next: tuple[np.ndarray, int] | None = None
        self.time_ns = 0

    def command(self, velocity: np.ndarray, at_ns: int) -> None:
        """A command [A] arrived; what held before it is carried out up to then."""
        self.advance(at_ns)
        self._take_up()
        self._next = np.array(velocity, dtype=np.float64), at_ns

    def advance(self, to_ns: int) -> int:
        """Carry out the motion up to a time; returns the time reached, a multiple of the time step."""
        while self.time_ns + self._step_ns <= to_ns:
            self._take_up()
            held = self.time_ns < self._expiry_ns
            until_ns = min(to_ns, self._expiry_ns) if held else to_ns
            steps = 1 if self._next else max((until_ns - self.time_ns) // self._step_ns, 1)
            self._robot.step(self._velocity if held else self._still, steps * self._robot.timestep_s)
            self.time_ns += steps * self._step_ns
        return self.time_ns

    def _take_up(self) -> None:
        """The newest command counts once a step begins after it came."""
        if self._next and self._next[1] <= self.time_ns:
            self._velocity, self._expiry_ns = self._next[0], self._next[1] + self._timeout_ns
            self._next = None

    def halt(self) -> None:
        """Forget the command that is held."""
        self._next, self._expiry_ns = None, 0


class PositionDriver:
    """Moves a robot through time as servos do: they go to the last positions that they were told, however old.

    Its methods are those of `Driver`. Before the first command the joints are held where they are.
    """

    def __init__(self, robot: PositionSimulator) -> None:
        self._robot = robot
        self._step_ns = round(robot.timestep_s * 1e9)
        self._held: np.ndarray | None = None
        self.time_ns = 0

    def command(self, targets: np.ndarray, at_ns: int) -> None:
        """Targets [A] arrived; what held before is carried out up to then."""
        self.advance(at_ns)
        self._held = np.array(targets, dtype=np.float64)

    def advance(self, to_ns: int) -> int:
        """Carry out the motion up to a time; returns the time reached, a multiple of the time step."""
        if self._held is None:
            self._held = self._robot.positions[: len(self._robot.components)]
        steps = max(to_ns - self.time_ns, 0) // self._step_ns
        if steps:
            self._robot.servo(self._held, steps * self._robot.timestep_s)
            self.time_ns += steps * self._step_ns
        return self.time_ns

    def halt(self) -> None:
        """Forget the positions that are held."""
        self._held = None


def make_driver(profile: RobotProfile, robot: Simulator) -> Driver | PositionDriver:
    """The driver of a profile's kind of commands; ProfileError where the robot cannot be told so."""
    if profile.kind == "velocity":
        return Driver(robot, profile.command.timeout_s)
    return PositionDriver(position_simulator(profile, robot))


def position_simulator(profile: RobotProfile, robot: Simulator) -> PositionSimulator:
    """This simulator, where it can be told joint positions; ProfileError where it cannot."""
    grippers = [part.name for part in profile.action if part.kind == "gripper"]
    if profile.kind == "position" and not grippers and isinstance(robot, PositionSimulator):
        return robot
    if grippers:
        why = f"knows no gripper's opening ({', '.join(grippers)}): call it a joint of kind position"
    else:
        why = f"cannot be told commands of kind {profile.kind}"
    raise ProfileError(f"profile {profile.name}: the simulated robot {why}")
