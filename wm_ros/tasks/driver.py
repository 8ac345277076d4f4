"""A velocity driver for an embedded robot, on its own clock: holds a command, stops when none follows."""

from __future__ import annotations

import numpy as np

from wm_ros.tasks.embedded import Simulator
from wm_ros.tasks.timestep import TIMESTEP_S

STEP_NS = round(TIMESTEP_S * 1e9)


class Driver:
    """Moves a robot through time as its driver does. Times are nanoseconds since the driver was made.

    timeout_s: a command is held for this long, then the robot is told to stand still.
    """

    def __init__(self, robot: Simulator, timeout_s: float) -> None:
        self._robot = robot
        self._timeout_ns = round(timeout_s * 1e9)
        self._velocity = np.zeros_like(robot.velocities)
        self._expiry_ns = 0
        self.time_ns = 0

    def command(self, velocity: np.ndarray, at_ns: int) -> None:
        """A command [A] arrived; what held before it is carried out up to then."""
        self.advance(at_ns)
        self._velocity = np.array(velocity, dtype=np.float64)
        self._expiry_ns = at_ns + self._timeout_ns

    def advance(self, to_ns: int) -> int:
        """Carry out the motion up to a time; returns the time reached, a multiple of the physics step."""
        while self.time_ns + STEP_NS <= to_ns:
            held = self.time_ns < self._expiry_ns
            until_ns = min(to_ns, self._expiry_ns) if held else to_ns
            steps = max((until_ns - self.time_ns) // STEP_NS, 1)
            self._robot.step(self._velocity if held else np.zeros_like(self._velocity), steps * TIMESTEP_S)
            self.time_ns += steps * STEP_NS
        return self.time_ns

    def halt(self) -> None:
        """Forget the command that is held."""
        self._expiry_ns = 0
