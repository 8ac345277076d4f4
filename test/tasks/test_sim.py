"""The embedded arm and its camera: the same on every run, honest about geometry, within its joints."""

import numpy as np
import pytest

pytest.importorskip("mujoco")

import mujoco

from wm_ros.tasks import scene
from wm_ros.tasks.arm import LIMIT_MARGIN_RAD, Arm, random_positions, tip_position
from wm_ros.tasks.camera import RayCamera

LIMITS = np.array([scene.SHOULDER_LIMIT_RAD, scene.ELBOW_LIMIT_RAD])
TIP_HUE = np.array([0.90, 0.10, 0.15]) / 0.90
POSES = [np.array(pose) for pose in ([0.0, 0.0], [0.7, -1.1], [-1.4, 2.0])]


def seen(seed, positions, **size):
    arm = Arm(seed, **size)
    arm.place(positions)
    return arm.render()


def test_equal_seeds_give_equal_pixels_and_motion():
    arms = Arm(3), Arm(3)
    np.testing.assert_array_equal(arms[0].positions, arms[1].positions)
    for arm in arms:
        for velocity in ([1.0, -0.5], [-0.3, 1.2]):
            arm.step(np.array(velocity), 0.2)
    np.testing.assert_array_equal(arms[0].positions, arms[1].positions)
    np.testing.assert_array_equal(arms[0].render(), arms[1].render())


def test_another_seed_is_another_scene_with_the_same_arm():
    first, second = seen(0, POSES[1]), seen(1, POSES[1])
    changed = (first != second).any(axis=-1).mean()
    assert 0.01 < changed < 0.5
    assert not np.array_equal(Arm(0).positions, Arm(1).positions)


def test_reset_shows_the_scene_of_the_new_seed_only():
    arm = Arm(0)
    arm.render()
    arm.step(np.array([1.0, 1.0]), 0.5)
    arm.reset(5, POSES[1])
    np.testing.assert_array_equal(arm.render(), seen(5, POSES[1]))
    assert arm.seed == 5
    assert arm.time_s == 0.0
    assert not arm.velocities.any()


def test_the_cached_background_holds_nothing_that_moves():
    arm = Arm(2)
    for pose in POSES:
        arm.place(pose)
        np.testing.assert_array_equal(arm.render(), seen(2, pose))


def test_two_passes_see_what_one_ray_cast_of_everything_sees():
    model = mujoco.MjModel.from_xml_string(scene.scene_xml(4))
    data = mujoco.MjData(model)
    data.qpos[:] = POSES[2]
    mujoco.mj_forward(model, data)
    camera = RayCamera(scene.CAMERA_POSITION_M, scene.CAMERA_TARGET_M, scene.CAMERA_FOVY_RAD, 48, 48, 1)
    everything = camera.render(model, data)
    model.geom_group[:] = 0
    camera.new_scene()
    np.testing.assert_array_equal(everything, camera.render(model, data))


@pytest.mark.parametrize(("width", "height"), [(64, 64), (96, 64), (40, 56)])
def test_images_have_the_size_asked_for(width, height):
    image = Arm(0, width=width, height=height).render()
    assert image.shape == (height, width, 3)
    assert image.dtype == np.uint8


def test_the_fingertip_is_seen_where_the_focal_length_says():
    """Project the red tip by the pinhole rule of camera_info and find it there."""
    arm = Arm(1, width=160, height=120)
    for pose in POSES:
        arm.place(pose)
        image = arm.render().astype(float)
        hue = image / np.maximum(image[..., :1], 1.0)
        row, column = np.argwhere(np.abs(hue - TIP_HUE).max(axis=-1) < 0.03).mean(axis=0)
        forward = np.subtract(scene.CAMERA_TARGET_M, scene.CAMERA_POSITION_M)
        forward /= np.linalg.norm(forward)
        right = np.cross(forward, [0, 0, 1])
        right /= np.linalg.norm(right)
        ray = arm.tip() - scene.CAMERA_POSITION_M
        u = 80 + arm.focal_px * (ray @ right) / (ray @ forward)
        v = 60 + arm.focal_px * (ray @ np.cross(forward, right)) / (ray @ forward)
        assert (column + 0.5, row + 0.5) == pytest.approx((u, v), abs=0.6)


def test_what_looks_up_is_lit_and_what_looks_away_is_darker():
    model = mujoco.MjModel.from_xml_string(
        '<mujoco><worldbody><geom type="box" size="1 1 1" rgba=".8 .4 .2 1"/></worldbody></mujoco>'
    )
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    top = RayCamera((0.0, 0.01, 4.0), (0.0, 0.0, 0.0), 0.3, 8, 8).render(model, data)
    side = RayCamera((0.0, -4.0, 0.0), (0.0, 0.0, 0.0), 0.3, 8, 8).render(model, data)
    assert top[4, 4].tolist() == pytest.approx([195, 98, 49], abs=4)
    assert side[4, 4].tolist() == pytest.approx([92, 46, 23], abs=1)


@pytest.mark.parametrize("velocity", [[0.8, 0.0], [0.0, -1.5], [-0.4, 1.0]])
def test_joints_follow_the_commanded_rate(velocity):
    arm = Arm(0)
    arm.place(np.zeros(2))
    arm.step(np.array(velocity), 0.2)
    start = arm.positions
    arm.step(np.array(velocity), 0.5)
    assert arm.velocities == pytest.approx(velocity, abs=0.03)
    assert (arm.positions - start) / 0.5 == pytest.approx(velocity, abs=0.03)
    arm.step(np.zeros(2), 0.5)
    assert np.abs(arm.velocities).max() < 1e-3
    assert arm.time_s == pytest.approx(1.2)


@pytest.mark.parametrize("direction", [[1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])
def test_joint_limits_hold_against_a_command_that_goes_on(direction):
    arm = Arm(0)
    arm.place(np.zeros(2))
    for _ in range(20):
        arm.step(1.5 * np.array(direction), 0.2)
        assert (np.abs(arm.positions) < LIMITS + 0.1).all()
    # It got there, and rests against the stop.
    assert arm.positions == pytest.approx(np.array(direction) * LIMITS, abs=0.1)
    assert np.abs(arm.velocities).max() < 0.01


@pytest.mark.parametrize("pose", POSES)
def test_the_tip_is_where_the_geometry_says(pose):
    arm = Arm(0)
    arm.place(pose)
    assert arm.tip()[:2] == pytest.approx(tip_position(pose), abs=1e-9)
    assert arm.tip()[2] == pytest.approx(0.135)


def test_tip_positions_of_many_poses_at_once():
    np.testing.assert_allclose(tip_position(np.zeros((3, 4, 2))), np.broadcast_to([0.4, 0.0], (3, 4, 2)))
    turned = tip_position(np.array([[np.pi / 2, 0.0], [0.0, np.pi / 2]]))
    np.testing.assert_allclose(turned, [[0.0, 0.4], [0.22, 0.18]], atol=1e-12)


def test_starts_and_goals_keep_away_from_the_stops_and_use_the_room():
    generator = np.random.default_rng(0)
    drawn = np.array([random_positions(generator) for _ in range(500)])
    assert (np.abs(drawn) <= LIMITS - LIMIT_MARGIN_RAD).all()
    assert (np.ptp(drawn, axis=0) > 1.9 * (LIMITS - LIMIT_MARGIN_RAD)).all()


@pytest.mark.parametrize("duration_s", [0.0, -0.1, 0.001, 0.0074])
def test_a_duration_that_physics_cannot_keep_is_refused(duration_s):
    with pytest.raises(ValueError, match=r"must be a positive multiple of 0\.005 s"):
        Arm(0).step(np.zeros(2), duration_s)
