"""A velocity driver for a simulated robot, on its own clock: holds a command, stops when none follows."""

from __future__ import annotations

import numpy as np

from wm_ros.tasks.protocol import Simulator


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
