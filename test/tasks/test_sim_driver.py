"""The embedded driver: holds a command, stops without one, and is not led astray by late calls."""

import numpy as np
import pytest

pytest.importorskip("mujoco")

from wm_ros.tasks.arm import Arm
from wm_ros.tasks.driver import Driver
from wm_ros.tasks.timestep import TIMESTEP_S

MILLISECOND = 1_000_000
STEP_NS = round(TIMESTEP_S * 1e9)
FORWARD = np.array([0.5, -0.5])


@pytest.fixture
def arm():
    arm = Arm(0)
    arm.place(np.zeros(2))
    return arm


def test_a_command_moves_the_arm_until_the_timeout_ends_it(arm):
    driver = Driver(arm, timeout_s=0.25)
    driver.command(FORWARD, 0)
    driver.advance(200 * MILLISECOND)
    assert np.abs(arm.velocities - FORWARD).max() < 0.05
    driver.advance(1000 * MILLISECOND)
    assert np.abs(arm.velocities).max() < 1e-3
    # A quarter of a second of motion, whatever the actuators' lag.
    assert arm.positions == pytest.approx(0.25 * FORWARD, abs=0.01)


def test_late_calls_give_the_same_motion_as_punctual_ones(arm):
    other = Arm(0)
    other.place(np.zeros(2))
    punctual, late = Driver(arm, 0.25), Driver(other, 0.25)
    punctual.command(FORWARD, 0)
    for time_ns in range(0, 600 * MILLISECOND, 10 * MILLISECOND):
        punctual.advance(time_ns)
    late.command(FORWARD, 0)
    late.advance(590 * MILLISECOND)
    np.testing.assert_allclose(arm.positions, other.positions, atol=1e-9)
    assert punctual.time_ns == late.time_ns


def test_a_new_command_takes_over_when_it_arrives(arm):
    driver = Driver(arm, timeout_s=10.0)
    driver.command(FORWARD, 0)
    driver.command(-FORWARD, 400 * MILLISECOND)
    driver.advance(800 * MILLISECOND)
    assert arm.positions == pytest.approx(np.zeros(2), abs=0.02)
    assert np.abs(arm.velocities + FORWARD).max() < 0.05


def test_time_is_reached_in_whole_physics_steps(arm):
    driver = Driver(arm, 0.25)
    driver.command(FORWARD, 3)
    assert driver.advance(3 * STEP_NS + 1) == 3 * STEP_NS
    assert driver.advance(3 * STEP_NS + 2) == 3 * STEP_NS


def test_halt_forgets_the_command(arm):
    driver = Driver(arm, timeout_s=10.0)
    driver.command(FORWARD, 0)
    driver.halt()
    driver.advance(300 * MILLISECOND)
    assert not arm.positions.any()


class Slow:
    """A robot of one component that takes an action in 0.1 s."""

    components, timestep_s = ("x",), 0.1

    def __init__(self):
        self.taken = []

    def step(self, velocity, duration_s):
        self.taken += [float(velocity[0])] * round(duration_s / self.timestep_s)


def test_a_long_step_keeps_the_command_it_began_with():
    robot = Slow()
    driver = Driver(robot, timeout_s=0.25)
    for number, at in enumerate((50, 150, 250)):  # a command in the middle of each step
        driver.command(np.array([number + 1.0]), at * MILLISECOND)
    driver.advance(1000 * MILLISECOND)
    # The last one came at .25 and holds until .50, in whole steps from the next on.
    assert robot.taken == [0.0, 1.0, 2.0, 3.0, 3.0, 0.0, 0.0, 0.0, 0.0, 0.0]


def test_of_several_commands_within_a_step_the_last_counts():
    robot = Slow()
    driver = Driver(robot, timeout_s=0.25)
    for number, at in enumerate((10, 40, 90, 160)):
        driver.command(np.array([number + 1.0]), at * MILLISECOND)
    driver.advance(300 * MILLISECOND)
    assert robot.taken == [0.0, 3.0, 4.0]
