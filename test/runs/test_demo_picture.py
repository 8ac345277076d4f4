"""The demo's pictures are made of what was seen: joints, camera frames and goal pictures."""

import numpy as np
import pytest

pytest.importorskip("mujoco")
pytest.importorskip("matplotlib")
pytest.importorskip("PIL")

from PIL import Image

from wm_ros.runs.demo_picture import VIEW_PX, draw_animation, draw_sheet
from wm_ros.tasks.arm import Arm
from wm_ros.tasks.embedded import ROBOTS
from wm_ros.tasks.overview import GOAL, ROVER, WAY, RoverOverview
from wm_ros.tasks.rover import Rover
from wm_ros.tasks.success import Criterion, Trial, score

START = 1_700_000_000_000_000_000
SCENE = 4
TASKS = {robot.name: robot.task for robot in ROBOTS}
ARM, DRIVE = TASKS["arm"], TASKS["rover"]


def trial(seconds):
    """An arm that swings from 0 to 1 rad."""
    times = np.arange(0.0, seconds, 0.02)
    distances = np.linspace(0.3, 0.01, len(times))
    stamps = START + (times * 1e9).astype(np.int64)
    positions = np.linspace([0.0, 0.0], [1.0, 1.0], len(times))
    arm = Arm(SCENE)
    arm.place(positions[-1])
    return Trial(
        goal=positions[-1],
        picture=arm.render(),
        track=(stamps, positions),
        distances_m=distances,
        headings_rad=None,
        score=score(times, distances, Criterion()),
        stop_to_zero_s=0.1,
        stopped_by="",
    )


@pytest.fixture
def frames():
    return [(START + k * 100_000_000, np.full((64, 64, 3), k, np.uint8)) for k in range(40)]


def test_the_animation_shows_the_joints_and_the_camera_of_each_moment(tmp_path, frames):
    trials = [trial(2.0), trial(3.0)]
    draw_animation(ARM, trials, frames, SCENE, tmp_path / "demo.gif")
    arm = Arm(SCENE, VIEW_PX, VIEW_PX)
    with Image.open(tmp_path / "demo.gif") as animation:
        assert animation.n_frames == (10 + 1) + (15 + 1)
        for picture, joints in ((0, 0), (10, -1)):
            animation.seek(picture)
            shown = np.asarray(animation.convert("RGB"))[:VIEW_PX, :VIEW_PX].astype(int)
            arm.place(trials[0].track[1][joints])
            assert np.abs(shown - arm.render()).mean() < 4.0  # colours of a palette


def test_the_rover_s_way_and_goal_are_drawn_from_above():
    overview = RoverOverview(0, 200)
    goal = np.array([1.0, -0.5, 0.0])
    track = np.stack([np.linspace(-1.0, 0.0, 20), np.full(20, 0.5), np.zeros(20)], axis=1)
    image, bare = overview(track, goal), overview(track[:1], goal)
    scale = (200 - 8) / 4.0
    changed = np.argwhere((image != bare).any(axis=-1))
    for (x, y), colour in (((-0.6, 0.5), WAY), ((0.0, 0.6), ROVER)):  # x to the right, y up
        row, column = round(4 + (2.0 - y) * scale), round(4 + (x + 2.0) * scale)
        assert np.abs(image[row, column].astype(int) - colour).max() < 30
        assert [row, column] in changed.tolist()
    ring = image[round(4 + 2.5 * scale), round(4 + (3.0 - 0.16) * scale)].astype(int)
    assert np.abs(ring - GOAL).max() < 60


def test_the_rover_has_a_sheet_and_an_animation_too(tmp_path, frames):
    track = np.stack([np.linspace(-1.0, 0.0, 100), np.full(100, 0.5), np.zeros(100)], axis=1)
    stamps = START + np.arange(100) * 20_000_000
    distances, headings = np.linspace(1.0, 0.1, 100), np.linspace(0.6, 0.1, 100)
    driven = Trial(
        goal=np.array([0.1, 0.5, 0.1]),
        picture=Rover(0).render(),
        track=(stamps, track),
        distances_m=distances,
        headings_rad=headings,
        score=score(np.arange(100) * 0.02, distances, Criterion(0.25, 0.26), headings),
        stop_to_zero_s=0.1,
        stopped_by="",
    )
    draw_animation(DRIVE, [driven], frames, SCENE, tmp_path / "demo.gif")
    draw_sheet(DRIVE, [driven], [driven], frames, Criterion(0.25, 0.26), tmp_path / "demo.png")
    with Image.open(tmp_path / "demo.gif") as animation, Image.open(tmp_path / "demo.png") as sheet:
        assert animation.n_frames == 10 + 1
        assert sheet.height > 800


def test_the_sheet_shows_some_of_many_goals_and_does_without_the_control(tmp_path, frames):
    draw_sheet(ARM, [trial(1.0)] * 9, [], frames, Criterion(), tmp_path / "demo.png")
    with Image.open(tmp_path / "demo.png") as sheet:
        assert 1000 < sheet.width < 2000
