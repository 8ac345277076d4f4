"""The embedded pusher: the same on every run, a finger that pushes a puck, goals in which the puck lies elsewhere."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("mujoco")

from wm_ros.data.bag_messages import Bag
from wm_ros.messages.state import read_state
from wm_ros.robots.components import SimulatorEntry
from wm_ros.robots.profile import ProfileError, load_profile
from wm_ros.tasks import tray
from wm_ros.tasks.arm import tip_position
from wm_ros.tasks.pusher import (
    MOVED_M,
    PusherArm,
    joint_angles,
    joint_rates,
    random_positions,
)
from wm_ros.tasks.record import record_sim
from wm_ros.tasks.simulated import simulated

PROFILE = load_profile("pusher")
ROBOT = simulated(PROFILE)
TOUCH_M = tray.PUCK_RADIUS_M + tray.FINGER_RADIUS_M


def with_finger_at(tip, puck):
    arm = PusherArm()
    arm.place(np.array([*joint_angles(np.array(tip)), *puck]))
    return arm


def push(arm, velocity, seconds):
    for _ in range(round(seconds / 0.02)):
        arm.step(joint_rates(arm.positions, np.array(velocity)), 0.02)


def test_equal_seeds_give_equal_pixels_and_motion():
    arms = PusherArm(3), PusherArm(3)
    for arm in arms:
        motion = ROBOT.motion(PROFILE, np.random.default_rng(0))
        for _ in range(30):
            arm.step(motion(arm.positions, 0.1), 0.1)
    np.testing.assert_array_equal(arms[0].positions, arms[1].positions)
    np.testing.assert_array_equal(arms[0].render(), arms[1].render())
    assert arms[0].time_s == pytest.approx(3.0)
    assert PusherArm(3).time_s == 0.0


def test_the_finger_is_where_the_joints_bring_it_and_moves_as_asked():
    for seed in range(30):
        state = random_positions(np.random.default_rng(seed))
        assert joint_angles(tip_position(state[:2])) == pytest.approx(state[:2], abs=1e-9)
    arm = with_finger_at((0.25, -0.15), (0.25, 0.1))
    before = tip_position(arm.positions[:2])
    push(arm, (0.03, -0.02), 1.0)
    assert tip_position(arm.positions[:2]) - before == pytest.approx([0.03, -0.02], abs=0.005)


def test_a_puck_is_pushed_ahead_stays_where_it_is_left_and_is_stopped_by_the_rim():
    arm = with_finger_at((0.24, -0.10), (0.24, -0.04))
    push(arm, (0.0, 0.1), 1.0)
    tip, puck = tip_position(arm.positions[:2]), arm.positions[2:]
    assert puck[1] - tip[1] == pytest.approx(TOUCH_M, abs=0.004)
    assert puck[1] > 0.02
    push(arm, (0.0, -0.1), 0.5)
    left = arm.positions[2:]
    push(arm, (0.0, 0.0), 1.0)
    assert arm.positions[2:] == pytest.approx(left, abs=1e-3)
    push(arm, (0.0, 0.12), 3.0)
    assert arm.positions[3] == pytest.approx(tray.HIGH_M[1], abs=0.003)


def test_a_finger_that_does_not_touch_the_puck_leaves_it():
    arm = with_finger_at((0.25, -0.15), (0.25, 0.1))
    push(arm, (0.05, 0.1), 1.0)
    assert arm.positions[2:] == pytest.approx([0.25, 0.1], abs=1e-6)


def test_a_state_set_is_the_state_and_looks_the_same():
    arm, other = PusherArm(3), PusherArm(3)
    motion = ROBOT.motion(PROFILE, np.random.default_rng(0))
    for _ in range(40):
        arm.step(motion(arm.positions, 0.1), 0.1)
    other.place(arm.positions)
    np.testing.assert_array_equal(other.positions, arm.positions)
    np.testing.assert_array_equal(other.render(), arm.render())
    assert not other.velocities.any()


def test_all_of_the_arm_is_seen_and_the_light_follows_the_seed():
    arm = with_finger_at((0.25, -0.15), (0.25, 0.1))
    picture = arm.render().astype(int)
    for red, green, blue in ((0.95, 0.55, 0.10), (0.15, 0.35, 0.85), (0.05, 0.70, 0.30)):
        colour = np.array([red, green, blue])
        shade = picture / np.maximum(picture.sum(axis=-1, keepdims=True), 1)
        like = (np.abs(shade - colour / colour.sum()) < 0.04).all(axis=-1)
        assert like.sum() > 20, colour  # upper arm, forearm, puck
    other = PusherArm(1)
    other.place(arm.positions)
    assert abs(other.render().mean() / picture.mean() - 1.0) > 0.005


def test_goals_are_states_in_which_the_puck_lies_elsewhere_and_the_way_leads_there():
    task, arm = ROBOT.task, PusherArm()
    found = 0
    for seed in range(12):
        generator = np.random.default_rng(seed)
        start = task.draw_start(generator)
        goal = task.draw_goal(generator, start)
        if goal is None:
            continue
        found += 1
        distance, heading = task.errors(start, goal)
        assert distance >= MOVED_M
        assert heading is None
        arm.place(start)
        for velocity in task.way():
            arm.step(velocity, 0.1)
        np.testing.assert_allclose(arm.positions, goal, atol=1e-9)
    assert found >= 3


def test_recorded_motion_moves_the_puck_and_tells_its_state(tmp_path):
    record_sim(PROFILE, tmp_path / "bag", episodes=3, seconds=4.0, seed=0)
    messages = Bag(tmp_path / "bag").messages(["/joint_states"])
    states = np.array([read_state(one.message, PROFILE) for one in messages])
    assert states.shape[1] == 4
    moved = np.linalg.norm(np.diff(states[:, 2:], axis=0), axis=1)
    assert 0.05 < (moved > 1e-4).mean() < 0.95


def test_a_profile_names_an_embedded_robot_that_exists_and_takes_its_actions():
    assert simulated(replace(PROFILE, simulator=None)).name == "arm"
    with pytest.raises(
        ProfileError, match=r"'pusher' with simulator.env wm_ros/puscher .*; known: .*wm_ros/pusher"
    ):
        simulated(replace(PROFILE, simulator=SimulatorEntry("wm_ros/puscher")))


def test_the_packaged_model_pushes_the_puck_to_where_goal_pictures_show_it():
    pytest.importorskip("torch")
    from wm_ros.models.checkpoint import find_checkpoint, load_checkpoint
    from wm_ros.planning.options import planner_of
    from wm_ros.tasks.lockstep import LockstepOptions, model_policy, run_goals

    folder = find_checkpoint("", PROFILE)
    assert sum(path.stat().st_size for path in folder.iterdir()) < 10e6
    policy = model_policy(load_checkpoint(folder), planner_of(PROFILE), 0.1)
    scores = list(run_goals(PROFILE, policy, 2, 0, LockstepOptions(camera_hz=5.0)))
    assert all(score.start_distance_m >= MOVED_M for score in scores)
    assert any(score.success for score in scores)
