"""A disc that wanders through the pictures: by time and seed alone, and in no state."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("mujoco")

from wm_ros.robots.components import SimulatorEntry
from wm_ros.robots.profile import load_profile
from wm_ros.tasks.protocol import PositionSimulator
from wm_ros.tasks.record import record_sim
from wm_ros.tasks.simulated import simulated

PUSHER = load_profile("pusher")
DISTRACTED = replace(PUSHER, simulator=SimulatorEntry("wm_ros/pusher", distractor=True))


def changed(one, other):
    """Rows and columns [P, 2] of the pixels in which two pictures differ."""
    return np.argwhere((one != other).any(axis=-1))


def test_a_disc_is_in_the_picture_that_moves_by_itself():
    plain, distracted = simulated(PUSHER).simulator(3), simulated(DISTRACTED).simulator(3)
    places = []
    for _ in range(3):
        found = changed(plain.render(), distracted.render())
        assert 10 < len(found) < 90  # of 4096: a disc of three pixels' radius, with soft edges
        assert (np.ptp(found, axis=0) <= 10).all()
        places.append(found.mean(axis=0))
        for simulator in (plain, distracted):
            simulator.step(np.zeros(2), 1.0)
        np.testing.assert_array_equal(plain.positions, distracted.positions)
    assert np.linalg.norm(np.diff(places, axis=0), axis=1).min() > 2.0


def test_its_way_follows_the_seed_and_the_time_and_no_command():
    robot = simulated(DISTRACTED)
    still, moved = robot.simulator(3), robot.simulator(3)
    still.step(np.zeros(2), 1.0)
    moved.step(np.full(2, 0.5), 1.0)
    assert not np.array_equal(still.render(), moved.render())
    moved.place(still.positions)
    np.testing.assert_array_equal(still.render(), moved.render())
    again, other = robot.simulator(3), robot.simulator()
    again.step(np.zeros(2), 1.0)
    np.testing.assert_array_equal(still.render(), again.render())
    other.reset(4)
    assert (other.seed, other.time_s) == (4, 0.0)


def test_a_robot_keeps_what_it_can_do():
    arm = load_profile("arm_position")
    with_disc = replace(arm, simulator=SimulatorEntry("wm_ros/arm", distractor=True))
    assert isinstance(simulated(with_disc).simulator(), PositionSimulator)
    assert simulated(with_disc).task is not None


def test_it_is_recorded(tmp_path):
    from wm_ros.data.load import load_recording

    for name, profile in (("plain", PUSHER), ("distracted", DISTRACTED)):
        record_sim(profile, tmp_path / name, episodes=1, seconds=2.0)
    plain, distracted = (load_recording(tmp_path / name, PUSHER) for name in ("plain", "distracted"))
    np.testing.assert_array_equal(plain.commands.vectors, distracted.commands.vectors)
    assert all(len(changed(*pair)) for pair in zip(plain.frames, distracted.frames, strict=True))
