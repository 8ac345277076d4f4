"""The demo's pictures are made of what was seen: joints, camera frames and goal pictures."""

import numpy as np
import pytest

pytest.importorskip("mujoco")
pytest.importorskip("matplotlib")
pytest.importorskip("PIL")

from PIL import Image

from wm_ros.evaluation.closed_loop import Criterion, Trial, score
from wm_ros.evaluation.demo_picture import VIEW_PX, draw_animation, draw_sheet
from wm_ros.sim.arm import Arm

START = 1_700_000_000_000_000_000
SCENE = 4


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
        score=score(times, distances, Criterion()),
        stop_to_zero_s=0.1,
        stopped_by="",
    )


@pytest.fixture
def frames():
    return [(START + k * 100_000_000, np.full((64, 64, 3), k, np.uint8)) for k in range(40)]


def test_the_animation_shows_the_joints_and_the_camera_of_each_moment(tmp_path, frames):
    trials = [trial(2.0), trial(3.0)]
    draw_animation(trials, frames, SCENE, tmp_path / "demo.gif")
    arm = Arm(SCENE, VIEW_PX, VIEW_PX)
    with Image.open(tmp_path / "demo.gif") as animation:
        assert animation.n_frames == (10 + 1) + (15 + 1)
        for picture, joints in ((0, 0), (10, -1)):
            animation.seek(picture)
            shown = np.asarray(animation.convert("RGB"))[:VIEW_PX, :VIEW_PX].astype(int)
            arm.place(trials[0].track[1][joints])
            assert np.abs(shown - arm.render()).mean() < 4.0  # colours of a palette


def test_the_sheet_shows_some_of_many_goals_and_does_without_the_control(tmp_path, frames):
    draw_sheet([trial(1.0)] * 9, [], frames, 0.04, tmp_path / "demo.png")
    with Image.open(tmp_path / "demo.png") as sheet:
        assert 1000 < sheet.width < 2000
