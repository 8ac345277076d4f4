"""Which folder a user means: the one that is named, or the packaged checkpoint of the robot."""

import pytest

pytest.importorskip("torch")

from wm_ros.models.checkpoint import CheckpointError, find_checkpoint, load_checkpoint
from wm_ros.robots.profile import load_profile

ARM = load_profile("arm")


def test_a_path_wins_over_the_packaged_checkpoint_and_home_is_expanded(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_checkpoint("~/mine", ARM) == tmp_path / "mine"
    assert find_checkpoint(str(tmp_path), ARM) == tmp_path


def test_without_a_path_the_robot_s_packaged_checkpoint_is_found_or_the_fix_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr("wm_ros.models.checkpoint.PACKAGE", tmp_path)
    with pytest.raises(
        CheckpointError, match="none is packaged for robot 'arm'; train one with `wm_ros train"
    ):
        find_checkpoint("", ARM)
    (tmp_path / "checkpoints" / "arm").mkdir(parents=True)
    assert find_checkpoint("", ARM) == tmp_path / "checkpoints" / "arm"


def test_an_embedded_robot_that_is_told_positions_has_the_checkpoint_of_the_one_that_is_told_velocities():
    assert find_checkpoint("", load_profile("arm_position")) == find_checkpoint("", ARM)


@pytest.mark.parametrize("robot", ["arm", "rover", "pusher"])
def test_the_packaged_checkpoints_say_when_a_goal_is_reached(robot):
    card = load_checkpoint(find_checkpoint("", load_profile(robot))).card
    assert 0.2 < card.reached.distance < 2.0
    assert card.reached.far < 0.15
