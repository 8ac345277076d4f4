"""A simulated robot behind its guard, in lockstep: it is told what the guard node would publish."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wm_ros.robots.profile import RobotProfile
from wm_ros.safety.commanded_target import Measured
from wm_ros.safety.guard import Guard
from wm_ros.safety.joint_target import joint_target
from wm_ros.safety.observation_gate import ClockReading
from wm_ros.tasks.driver import position_simulator
from wm_ros.tasks.protocol import Simulator


class CommandedVelocities:
    """A robot that is told velocities, and stands still without."""

    def __init__(self, profile: RobotProfile, simulator: Simulator) -> None:
        self._simulator = simulator
        self._still = np.zeros(len(profile.action))
        self._period_s = 1.0 / profile.command.rate_hz

    def before_tick(self, now: ClockReading) -> None:
        """Nothing is to be done."""

    def carry_out(self, velocity: Sequence[float] | None) -> np.ndarray | None:
        """Move for a period of the command rate; returns what a message says [A], None without one."""
        command = None if velocity is None else np.array(velocity)
        self._simulator.step(self._still if command is None else command, self._period_s)
        return command


class CommandedPositions:
    """A robot that is told joint positions, and holds the last ones."""

    def __init__(self, profile: RobotProfile, simulator: Simulator, guard: Guard) -> None:
        self._simulator = position_simulator(profile, simulator)
        self._joints = len(profile.action)
        self._period_s = 1.0 / profile.command.rate_hz
        self._target = joint_target(profile)
        self._held = simulator.positions[: self._joints]
        guard.bound = self._target.bounded

    def before_tick(self, now: ClockReading) -> None:
        """Measure where the robot is."""
        place = tuple(self._simulator.positions[: self._joints].tolist())
        self._target.update(Measured(place, now.ros_ns), now, future_tolerance_s=0.0)

    def carry_out(self, velocity: Sequence[float] | None) -> np.ndarray | None:
        """Move for a period of the command rate; returns what a message says [A], None without one."""
        command = None if velocity is None else np.array(self._target.advance(velocity))
        if command is not None:
            self._held = command
        self._simulator.servo(self._held, self._period_s)
        return command


def commanded(
    profile: RobotProfile, simulator: Simulator, guard: Guard
) -> CommandedVelocities | CommandedPositions:
    """The simulator as a robot of the profile's kind of commands; ProfileError where it cannot be told so."""
    if profile.kind == "velocity":
        return CommandedVelocities(profile, simulator)
    return CommandedPositions(profile, simulator, guard)
