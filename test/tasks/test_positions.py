"""Simulated robots that are told positions: they go there, hold them, and are recorded and read back so."""

from dataclasses import replace

import numpy as np
import pytest

from wm_ros.data.load import load_recording
from wm_ros.data.verdict import verdicts
from wm_ros.robots.profile import ProfileError, load_profile
from wm_ros.tasks.arm import Arm
from wm_ros.tasks.driver import PositionDriver, make_driver
from wm_ros.tasks.record import record_sim
from wm_ros.tasks.rover import Rover


def test_recorded_targets_and_measured_states_tell_the_same_actions_and_they_explain_the_motion(tmp_path):
    profile = load_profile("arm_position")
    record_sim(profile, tmp_path / "bag", episodes=3, seconds=3.0, seed=4)
    told = load_recording(tmp_path / "bag", profile)
    measured = load_recording(tmp_path / "bag", replace(profile, actions_from="states"))
    assert verdicts(told)["controller, goal distance"].startswith("yes")
    assert verdicts(measured)["controller, goal distance"].startswith("yes")
    clips = told.clips(2)
    targets, states = told.actions(clips)[:, 0], measured.actions(clips)[:, 0]
    assert np.abs(targets).max() > 0.5
    # Servos are a period of the command behind.
    assert np.corrcoef(targets.T.ravel(), states.T.ravel())[0, 1] > 0.98
    assert np.abs(targets - states).max() < 0.2
    vectors = told.commands.vectors
    assert (vectors >= profile.low - 1e-6).all()
    assert (vectors <= profile.high + 1e-6).all()


def test_positions_are_gone_to_within_the_speed_of_the_servos_and_held():
    arm = Arm(0)
    driver = PositionDriver(arm)
    begun = arm.positions
    assert driver.advance(100_000_000) == 100_000_000
    np.testing.assert_allclose(arm.positions, begun, atol=1e-3)
    wanted = np.clip(begun + 0.5, -1.5, 1.5)
    driver.command(wanted, 100_000_000)
    driver.advance(150_000_000)
    assert np.abs(arm.positions - begun).max() < 3.2 * 0.05
    driver.advance(1_000_000_000)
    np.testing.assert_allclose(arm.positions, wanted, atol=5e-3)
    driver.halt()
    driver.advance(1_500_000_000)
    np.testing.assert_allclose(arm.positions, wanted, atol=5e-3)


def test_a_robot_that_cannot_be_told_positions_is_refused_with_the_reason():
    with pytest.raises(ProfileError, match="the simulated robot cannot be told commands of kind position"):
        make_driver(load_profile("arm_position"), Rover(0))
    with pytest.raises(ProfileError, match=r"knows no gripper's opening \(gripper\): call it a joint"):
        make_driver(load_profile("so101_position"), Arm(0))


def test_a_robot_that_takes_trajectories_is_recorded_and_read_back(tmp_path):
    """One point a message, as the guard sends it."""
    arm = load_profile("arm")
    parts = [replace(part, field=f"points[0].velocities[{index}]") for index, part in enumerate(arm.action)]
    command = replace(arm.command, type="trajectory_msgs/msg/JointTrajectory", topic="joint_trajectory")
    profile = replace(arm, action=tuple(parts), command=command)
    record_sim(profile, tmp_path / "bag", episodes=2, seconds=2.0, seed=4)
    record_sim(arm, tmp_path / "plain", episodes=2, seconds=2.0, seed=4)
    trajectories, plain = (
        load_recording(tmp_path / name, robot) for name, robot in (("bag", profile), ("plain", arm))
    )
    np.testing.assert_array_equal(trajectories.commands.vectors, plain.commands.vectors)
