"""`wm_ros inspect` says what recordings hold and what they can train; `wm_ros train` agrees with it."""

import re

import numpy as np
import pytest

pytest.importorskip("av")
pytest.importorskip("pyarrow")

from bag_makers import SECOND, command, image, write_bag
from typer.testing import CliRunner
from video_makers import greys, write_lerobot, write_video

from wm_ros.cli import app
from wm_ros.data import verdict
from wm_ros.data.load import load_recording
from wm_ros.data.recording import RecordingError
from wm_ros.robots.profile import load_profile

ARM = load_profile("arm")
PERIOD = SECOND // 10
COMMANDS = "/joint_velocity_controller/commands"


def bag(path, episodes=3, count=40, period=PERIOD, rates=(0.5, -0.5), moving=True):
    """Episodes of grey pictures, a pause between them; the commands are the rates times a changing sign."""
    messages = []
    for number in range(episodes):
        start = (1 + number * 100) * SECOND
        for k in range(count):
            stamp = start + k * period
            messages.append(("/image", stamp, image(stamp, k if moving else 7)))
            if rates:
                sign = (-1) ** (k // 5)
                messages.append((COMMANDS, stamp, command(*(sign * rate for rate in rates))))
    return write_bag(path, messages)


def verdicts(paths, **options):
    return list(verdict.verdicts(load_recording(paths, ARM, **options)).values())


def inspected(*arguments):
    return CliRunner().invoke(app, ["inspect", *map(str, arguments)], env={"COLUMNS": "250"})


def test_a_bag_with_commands_can_train_all(tmp_path):
    world, controller = verdicts(bag(tmp_path / "bag"))
    assert world == "yes: 84 clips of 6 model steps, in 3 of 3 episodes"
    assert controller == "yes: 84 clips of 6 model steps, in 3 of 3 episodes with commands"


def test_video_trains_the_world_model_and_a_mix_all(tmp_path):
    video = write_video(tmp_path / "clip.mp4", greys(40))
    world, controller = verdicts(video)
    assert world == "yes: 28 clips of 6 model steps, in 1 of 1 episodes"
    assert "no: no commands on joint_velocity_controller/commands" in controller
    assert "add a recording that has them" in controller
    world, controller = verdicts([video, bag(tmp_path / "bag")])
    assert world.endswith("in 4 of 4 episodes")
    assert controller.startswith("yes: 84 clips")
    _, controller = verdicts([video, bag(tmp_path / "short", count=8)])
    assert controller.startswith(
        "no: 0 of 3 episodes with commands hold 6 model steps: record at least 2 of 1.4 s"
    )


@pytest.mark.parametrize(("rate", "said"), [(3, "3 Hz, and none .* to 3,"), (8, "8 Hz, and none .* to 4,")])
def test_a_rate_that_does_not_fit_the_model_s_is_told_with_one_that_does(tmp_path, rate, said):
    world, controller = verdicts(bag(tmp_path / "bag", period=SECOND // rate))
    assert controller == "no: they need the world model"
    assert re.search(said, world)


@pytest.mark.parametrize(
    ("made", "place", "said"),
    [
        (
            {"count": 8},
            0,
            "no: the longest of 3 episodes without a gap lasts 0.7 s: record episodes of at least 1.4 s",
        ),
        ({"moving": False}, 0, "no: nothing moves in the pictures"),
        ({"episodes": 1}, 1, "no: 1 of 1 episodes with commands hold 6 model steps: record at least 2"),
        ({"rates": (0.5, 0.0)}, 1, "no: the commands of elbow are always the same"),
        ({"rates": ()}, 1, "no: no commands on joint_velocity_controller/commands"),
    ],
)
def test_what_is_missing_is_said_with_what_to_change(tmp_path, made, place, said):
    assert verdicts(bag(tmp_path / "bag", **made))[place].startswith(said)


@pytest.mark.parametrize(
    ("rates", "likely"),
    [
        ((2.0, 0.1), "joint positions in radians"),
        ((60.0, 0.1), "joint positions in degrees or in percent"),
        ((480.0, 0.1), "positions in pixels, in millimetres or in counts of an encoder"),
    ],
)
def test_positions_are_not_taken_for_velocities(tmp_path, rates, likely):
    world, controller = verdicts(bag(tmp_path / "bag", rates=rates))
    assert world.startswith("yes")
    assert controller.startswith(
        "no: 100% of the values of shoulder lie beyond the profile's -1.5 to 1.5 rad/s"
    )
    assert f"as {likely} do" in controller


def test_a_few_commands_beyond_the_limits_are_no_matter(tmp_path):
    _, controller = verdicts(bag(tmp_path / "bag", rates=(1.51, 0.5)))
    assert controller.startswith("yes")


def test_the_command_shows_sources_verdicts_and_notes(tmp_path):
    actions = [np.sin(np.arange(80.0)).reshape(40, 2) for _ in range(2)]
    root = write_lerobot(tmp_path / "set", "v3.0", [greys(40)] * 2, actions, ("a", "b"))
    result = inspected(root, write_video(tmp_path / "clip.webm", greys(40)), "--frame-size", "16")
    assert result.exit_code == 0, result.output
    for line in (
        "set: LeRobot v3.0 set, 80 frames of 48x32 at 10 Hz, 2 episodes, with commands",
        "clip.webm: video, 40 frames of 48x32 at 10 Hz, 1 episodes, without commands",
        "120 of 16x16, 10 Hz",
        "yes: 84 clips of 6 model steps, in 3 of 3 episodes",
        "yes: 56 clips of 6 model steps, in 2 of 2 episodes with commands",
        "(a, b) is taken, in this order, for shoulder (rad/s), elbow (rad/s)",
        "cropped to the centre square",
    ):
        assert line in result.output


def test_what_cannot_be_read_is_an_error(tmp_path):
    (tmp_path / "text").write_text("x")
    result = inspected(bag(tmp_path / "bag"), tmp_path / "text")
    assert result.exit_code == 1
    assert isinstance(result.exception, RecordingError)
    assert "\n" not in str(result.exception)


def test_the_verdict_knows_what_training_takes():
    options = pytest.importorskip("wm_ros.training.train").TrainOptions()
    assert options.clip_steps == verdict.CLIP_STEPS
