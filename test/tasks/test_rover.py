"""The embedded rover and its room: the same on every run, a base that rolls, stopped by what stands in its way."""

import math

import numpy as np
import pytest

pytest.importorskip("mujoco")

import mujoco

from wm_ros.data.bag_messages import Bag
from wm_ros.data.load import load_recording
from wm_ros.messages.stamp import to_ns
from wm_ros.messages.state import read_state
from wm_ros.robots.profile import load_profile
from wm_ros.tasks import room
from wm_ros.tasks.embedded import ROBOTS
from wm_ros.tasks.record import record_sim
from wm_ros.tasks.rover import MIN_START_DISTANCE_M, Rover, draw_goal, errors, random_positions
from wm_ros.tasks.simulated import simulated

PROFILE = load_profile("rover")
FREE_M = room.HALF_M - room.ROVER_RADIUS_M


def at(x, y, yaw, **size):
    rover = Rover(0, **size)
    rover.place([x, y, yaw])
    return rover


def clearance(positions):
    """Metres between the rover's rim and the nearest wall or pillar."""
    x, y = positions[:2]
    pillars = [math.hypot(x - px, y - py) - radius for px, py, radius, *_ in room.PILLARS]
    return min(room.HALF_M - abs(x), room.HALF_M - abs(y), *pillars) - room.ROVER_RADIUS_M


def test_equal_seeds_give_equal_pixels_and_motion():
    rovers = Rover(3), Rover(3)
    for rover in rovers:
        for velocity in ([0.5, -0.5], [-0.3, 1.2]):
            rover.step(np.array(velocity), 0.2)
    np.testing.assert_array_equal(rovers[0].positions, rovers[1].positions)
    np.testing.assert_array_equal(rovers[0].render(), rovers[1].render())
    assert rovers[0].time_s == pytest.approx(0.4)


def test_another_seed_is_the_same_room_in_another_light():
    rover = Rover(0)
    pose = rover.positions
    first = rover.render().astype(float)
    rover.reset(1)
    assert np.abs(rover.positions - pose).max() > 0.1
    rover.place(pose)
    second = rover.render()
    lit = first > 40
    ratio = second[lit] / first[lit]
    assert abs(np.median(ratio) - 1.0) > 0.005
    assert np.ptp(ratio) < 0.05


@pytest.mark.parametrize(("forward", "turn"), [(0.5, 0.0), (-0.3, 0.0), (0.0, 1.5), (0.4, -1.0)])
def test_the_base_follows_its_command_on_an_arc_without_slipping_sideways(forward, turn):
    rover = at(0.0, 0.0, 0.3)
    rover.step(np.array([forward, turn]), 0.4)
    assert rover.velocities == pytest.approx([forward, turn], abs=0.01)
    x, y, yaw = rover.positions
    rover.step(np.array([forward, turn]), 1.0)
    moved = rover.positions - [x, y, yaw]
    assert moved[2] == pytest.approx(turn, abs=0.01)
    chord = forward * np.sinc(turn / 2 / np.pi)
    expected = chord * np.array([math.cos(yaw + turn / 2), math.sin(yaw + turn / 2)])
    assert moved[:2] == pytest.approx(expected, abs=0.005)


@pytest.mark.parametrize("yaw", np.arange(-3.0, 3.2, 0.47))
def test_walls_and_pillars_stop_it(yaw):
    rover = at(0.2, -0.1, yaw)
    for _ in range(30):
        rover.step(np.array([0.6, 0.0]), 0.2)
        assert clearance(rover.positions) >= -0.01
    assert clearance(rover.positions) == pytest.approx(0.0, abs=0.01)
    assert rover.velocities[0] < 0.6


def test_the_picture_is_where_the_focal_length_says():
    """The red pillar, seen from the middle of the room: its column by the pinhole rule of camera_info."""
    x, y = room.PILLARS[0][:2]
    for yaw in (0.5, 0.8, 1.1):
        rover = at(0.0, 0.0, yaw, width=160, height=120)
        image = rover.render().astype(float)
        red = (
            (image[..., 0] > 60)
            & (image[..., 1] < 0.18 * image[..., 0])
            & (image[..., 2] < 0.18 * image[..., 0])
        )
        column = np.argwhere(red[:60])[:, 1].mean() + 0.5
        bearing = math.atan2(y - 0.14 * math.sin(yaw), x - 0.14 * math.cos(yaw)) - yaw
        # The camera looks a little down, which spreads columns by about 1 % here.
        assert column == pytest.approx(80 - rover.focal_px * math.tan(bearing), abs=2.5)


def test_pictures_are_painted_on_the_planes_where_they_belong():
    """What the camera shows of a plane is its picture at the point that MuJoCo says the ray hits."""
    pictures = room.pictures()
    assert set(pictures) == {"floor", "ceiling", *(f"wall{side}" for side in range(4))}
    model = mujoco.MjModel.from_xml_string(room.room_xml())
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    for name in pictures:
        inward = data.geom(name).xmat.reshape(3, 3)[:, 2]
        assert inward @ ([0.0, 0.0, 0.75] - data.geom(name).xpos) > 0.0  # it faces the room
    rug = pictures["floor"][round((0.55 + 2.0) / 4.0 * 320), round((0.70 + 2.0) / 4.0 * 320)]
    seen = at(-0.4, 0.55, 0.0).render()[39, 32] / 255.0
    assert seen / seen.max() == pytest.approx(rug / rug.max(), abs=0.02)


def test_every_place_and_heading_has_a_view_of_its_own():
    generator = np.random.default_rng(0)
    poses = np.array([random_positions(generator) for _ in range(60)])
    views = np.array([at(*pose).render() for pose in poses]).astype(float)
    for number, pose in enumerate(poses):
        distance, heading = errors(poses, pose)
        elsewhere = (distance > 0.25) | (heading > math.radians(15))
        assert np.abs(views[elsewhere] - views[number]).mean(axis=(1, 2, 3)).min() > 8.0


def test_goals_lie_within_a_short_drive_and_away_from_walls():
    generator = np.random.default_rng(1)
    start = np.array([1.2, 0.4, 0.0])  # looks at a wall
    goals = [goal for _ in range(400) if (goal := draw_goal(generator, start)) is not None]
    assert len(goals) > 40
    distance, _ = errors(np.array(goals), start)
    assert distance.min() >= MIN_START_DISTANCE_M
    assert distance.max() < 3.0
    assert min(clearance(goal) for goal in goals) > 0.1


def test_errors_are_metres_and_the_smaller_angle():
    distance, heading = errors(np.array([[3.0, 4.0, 3.0], [0.0, 0.0, 6.4]]), np.array([0.0, 0.0, -3.0]))
    assert distance == pytest.approx([5.0, 0.0])
    assert heading == pytest.approx([2 * np.pi - 6.0, 9.4 - 2 * np.pi])


def test_a_robot_is_found_by_the_actions_it_obeys():
    assert [simulated(load_profile(robot.name)).name for robot in ROBOTS] == [
        "arm",
        "arm_two_cameras",
        "rover",
        "pusher",
        "so101",
    ]
    assert simulated(load_profile("diff_drive")).name == "rover"
    with pytest.raises(
        ValueError,
        match=r"no simulation of robot .franka.*arm \(shoulder, elbow\), .*elbow, 2 cameras\), wm_ros/rover",
    ):
        simulated(load_profile("franka"))


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    path = tmp_path_factory.mktemp("rover") / "bag"
    record_sim(PROFILE, path, episodes=3, seconds=3.0, seed=1)
    return path


def test_the_recording_holds_pictures_commands_and_the_odometry_between_them(bag):
    recording = load_recording(bag, PROFILE)
    assert len(recording.episodes) == 3
    assert recording.frames.shape[1:] == (64, 64, 3)
    odometry = [m.message for m in Bag(bag).messages(["/odom"])]
    stamps = np.array([to_ns(message.header.stamp) for message in odometry])
    poses = np.array([read_state(message, PROFILE) for message in odometry])
    assert (odometry[0].header.frame_id, odometry[0].child_frame_id) == ("odom", "base_link")
    clips = recording.clips(2)
    at_frame = np.searchsorted(stamps, recording.stamps_ns[clips])
    before, after = poses[at_frame[:, 0]], poses[at_frame[:, 1]]
    actions = recording.actions(clips)[:, 0]
    turned = (after[:, 2] - before[:, 2] + np.pi) % (2 * np.pi) - np.pi
    assert (
        np.square(turned / PROFILE.model_dt - actions[:, 1]).mean() < 0.15 * np.square(actions[:, 1]).mean()
    )
    rover = at(*poses[at_frame[5, 0]])
    shown = recording.frames[clips[5, 0]].astype(float)
    ratio = shown.mean() / rover.render().mean()
    assert 0.8 < ratio < 1.2
    assert np.abs(shown - ratio * rover.render()).mean() < 2.0


def test_recorded_commands_keep_the_limits_and_mostly_drive_ahead(bag):
    commands = [m.message.twist for m in Bag(bag).messages(["/cmd_vel"])]
    rates = np.array([[twist.linear.x, twist.angular.z] for twist in commands])
    assert (rates >= PROFILE.low).all()
    assert (rates <= PROFILE.high).all()
    assert rates[:, 0].mean() > 0.0
    assert not rates[-1].any()
