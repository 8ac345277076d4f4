"""`wm_ros export` and `wm_ros record --format lerobot`, and what is left when they fail."""

import numpy as np
import pytest

pytest.importorskip("av")
pytest.importorskip("mujoco")
pytest.importorskip("pyarrow")

from bag_makers import SECOND, frames, held, write_bag
from typer.testing import CliRunner

from wm_ros.cli import app
from wm_ros.data.lerobot_export import ExportOptions, replace_bag
from wm_ros.data.load import load_recording
from wm_ros.data.recording import RecordingError
from wm_ros.robots.profile import load_profile
from wm_ros.tasks.record import record_sim

ARM = load_profile("arm")


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_command_exports_bags(tmp_path):
    bag = tmp_path / "bag"
    record_sim(ARM, bag, episodes=3, seconds=1.5)
    done = run("export", bag, "--format", "lerobot", "--out", tmp_path / "set", "--task", "reach the mark")
    assert done.exit_code == 0, done.output
    assert "set is written; look into it: wm_ros inspect" in done.output
    assert len(load_recording(tmp_path / "set", ARM).episodes) == 3


def test_a_simulated_recording_can_be_a_set(tmp_path):
    arguments = ("--sim", "--episodes", 2, "--seconds", 1.5, "--seed", 4)
    done = run("record", *arguments, "--out", tmp_path / "set", "--format", "lerobot")
    assert done.exit_code == 0, done.output
    assert [path.name for path in tmp_path.iterdir()] == ["set"]
    assert run("record", *arguments, "--out", tmp_path / "bag").exit_code == 0
    before, after = load_recording(tmp_path / "bag", ARM), load_recording(tmp_path / "set", ARM)
    assert before.episodes == after.episodes
    clips = before.clips(2)
    np.testing.assert_allclose(after.actions(clips), before.actions(clips), atol=2e-6)


def test_options_of_sets_are_refused_for_bags(tmp_path):
    done = run("record", "--sim", "--out", tmp_path / "bag", "--task", "reach")
    assert done.exit_code != 0
    assert "lerobot" in done.output


def test_what_a_killed_export_left_is_told_before_anything_is_recorded(tmp_path):
    (tmp_path / "set.part").mkdir()
    done = run("record", "--sim", "--episodes", 1, "--out", tmp_path / "set", "--format", "lerobot")
    assert isinstance(done.exception, RecordingError)
    assert "set.part is what a killed export left" in str(done.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["set.part"]


def test_a_recording_that_cannot_be_a_set_stays_as_a_bag(tmp_path):
    """Its pictures are 4x3."""
    bag = write_bag(tmp_path / "set.bag", frames(20) + held(5 * SECOND, 100, 0.5, -0.5))
    with pytest.raises(
        RecordingError, match=r"must be even.* What was recorded is in the bag .*set\.bag, and `wm_ros"
    ):
        replace_bag(bag, ARM, tmp_path / "set", ExportOptions())
    assert [path.name for path in tmp_path.iterdir()] == ["set.bag"]
