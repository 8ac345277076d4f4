"""Goals of two cameras: a folder for each with pictures of the same names, or pictures of both side by side."""

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy")

from wm_ros.messages.image import read_picture
from wm_ros.robots.profile import load_profile
from wm_ros.runs.goal_pictures import GoalError, Spacing, goal_pictures, write_pictures

PROFILE = load_profile("arm_two_cameras")


def grey(path, value, width=40, height=32):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((height, width, 3), value, np.uint8))


def test_a_folder_for_each_camera(tmp_path):
    for number in (2, 10):
        grey(tmp_path / "goals" / "top" / f"{number}.png", number)
        grey(tmp_path / "goals" / "side" / f"{number}.png", 100 + number, width=32)
    pictures, said = goal_pictures(tmp_path / "goals", PROFILE, Spacing())
    assert said == "2 pictures of 2 cameras"
    assert [name for name, _ in pictures] == ["2.png", "10.png"]
    for number, (_, picture) in zip((2, 10), pictures, strict=True):
        assert picture.shape == (32, 64, 3)
        assert (picture[:, :32] == number).all()
        assert (picture[:, 32:] == 100 + number).all()
    write_pictures(pictures, tmp_path / "both")
    again, _ = goal_pictures(tmp_path / "both", PROFILE, Spacing())
    np.testing.assert_array_equal(again[1][1], pictures[1][1])


def test_a_goal_that_one_camera_lacks_is_named(tmp_path):
    grey(tmp_path / "top" / "1.png", 1)
    grey(tmp_path / "top" / "2.png", 2)
    grey(tmp_path / "side" / "1.png", 3)
    with pytest.raises(GoalError, match=r"2\.png is not in both top/ and side/"):
        goal_pictures(tmp_path, PROFILE, Spacing())


def test_pictures_of_one_camera_are_no_goals_of_two(tmp_path):
    grey(tmp_path / "1.png", 1)
    for source in (tmp_path, tmp_path / "1.png"):
        with pytest.raises(GoalError, match="64x32 at this height, and this one is 40x32"):
            goal_pictures(source, PROFILE, Spacing())
    assert (
        goal_pictures(tmp_path, load_profile("arm"), Spacing())[0][0][1].shape
        == read_picture(tmp_path / "1.png").shape
    )
