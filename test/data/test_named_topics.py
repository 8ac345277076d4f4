"""Bags whose topics are not the profile's: `--camera` and `--command` name them, and errors say so."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from bag_makers import COMMANDS, COMPRESSED, PERIOD, SECOND, command, frames, image, write_bag
from message_kinds import blank
from typer.testing import CliRunner

from wm_ros.cli import app
from wm_ros.data.bag_messages import Bag
from wm_ros.data.bag_topics import TopicError
from wm_ros.data.describe import describe
from wm_ros.data.load import load_recording
from wm_ros.data.recording import RecordingError, Topics
from wm_ros.data.segments import survey

DRIVEN = "/left_arm/velocity/commands"
TWIST = "geometry_msgs/msg/Twist"
PNG = cv2.imencode(".png", np.full((3, 4, 3), 7, np.uint8))[1].reshape(-1)


def shown(topic, value=50):
    """Grey pictures on a topic, raw or compressed as its name says; the compressed are as grey as 7."""
    found = []
    for _, stamp, raw in frames(20):
        message = image(stamp, value)
        if topic.endswith("/compressed"):
            message = blank("rosbags", COMPRESSED, format="png", data=PNG, header=raw.header)
        found.append((topic, stamp, message))
    return found


def driven(topic=DRIVEN, rate=0.5):
    return [(topic, 5 * SECOND + k * PERIOD, command(rate, -rate)) for k in range(20)]


def bag_of(path, *topics):
    return write_bag(path, [message for some in topics for message in some])


@pytest.mark.parametrize("asked", ["/cell/top/image_raw", "cell/top/image_raw", "top/image_raw"])
@pytest.mark.parametrize("recorded", ["/cell/top/image_raw", "/cell/top/image_raw/compressed"])
def test_a_camera_is_found_by_name_in_any_namespace_raw_or_compressed(tmp_path, profile, asked, recorded):
    bag = bag_of(tmp_path / "bag", shown(recorded), shown("/image", 90), driven(COMMANDS))
    recording = load_recording(bag, profile, camera=asked)
    assert recording.topics == (Topics(recorded, COMMANDS),)
    assert (recording.frames == (7 if recorded.endswith("/compressed") else 50)).all()
    assert describe(recording)["camera"] == recorded
    assert survey(Bag(bag), profile, asked).camera == recorded


@pytest.mark.parametrize(
    ("asked", "transport", "found"),
    [
        ("top", "raw", "/top"),
        ("top", "compressed", "/top/compressed"),
        ("top/compressed", "raw", "/top/compressed"),
    ],
)
def test_of_both_transports_the_one_that_is_named_or_the_profile_s(
    tmp_path, profile, asked, transport, found
):
    robot = replace(profile, camera=replace(profile.camera, transport=transport))
    bag = bag_of(tmp_path / "bag", shown("/top"), shown("/top/compressed"))
    assert load_recording(bag, robot, camera=asked).topics == (Topics(found, None),)


@pytest.mark.parametrize("recorded", ["/webcam", "/webcam/compressed"])
def test_the_only_camera_is_not_guessed_but_named_as_the_fix(tmp_path, profile, recorded):
    bag = bag_of(tmp_path / "bag", shown(recorded))
    for read in (lambda: load_recording(bag, profile), lambda: survey(Bag(bag), profile)):
        with pytest.raises(RecordingError, match=r"no camera topic image .*say so: `--camera /webcam`$"):
            read()


def test_of_several_cameras_all_are_named(tmp_path, profile):
    bag = bag_of(
        tmp_path / "bag", shown("/left/image"), shown("/right/image"), shown("/right/image/compressed")
    )
    with pytest.raises(
        RecordingError, match=r"has image more than once .*: /left/image, /right/image: name one"
    ):
        load_recording(bag, profile)
    with pytest.raises(
        RecordingError, match=r"no camera topic top .*`--camera`: /left/image or /right/image$"
    ):
        load_recording(bag, profile, camera="top")
    assert load_recording(bag, profile, camera="right/image").topics == (Topics("/right/image", None),)


def test_depth_that_is_compressed_is_not_offered_as_a_camera(tmp_path, profile):
    depth = [("/depth/compressedDepth", at, message) for _, at, message in shown("/top/compressed")]
    with pytest.raises(RecordingError, match=r"say so: `--camera /top`$"):
        load_recording(bag_of(tmp_path / "bag", shown("/top"), depth), profile)


def test_a_command_topic_is_read_by_name(tmp_path, profile):
    bag = bag_of(tmp_path / "bag", shown("/image"), driven(), driven(COMMANDS, 0.1))
    recording = load_recording(bag, profile, command="velocity/commands")
    np.testing.assert_allclose(recording.actions(recording.clips(2))[:, 0], [[0.5, -0.5]] * 18, atol=1e-6)
    assert recording.topics == (Topics("/image", DRIVEN),)
    assert describe(recording)["commands"] == f"20 on {DRIVEN}"
    assert survey(Bag(bag), profile, None, DRIVEN).commands == DRIVEN


def test_a_command_topic_that_is_not_there_or_of_another_type_is_an_error_that_names_others(
    tmp_path, profile
):
    twist = [("/cmd_vel", 6 * SECOND, blank("rosbags", TWIST))]
    bag = bag_of(tmp_path / "bag", shown("/image"), driven(), driven("/right_arm/velocity/commands"), twist)
    both = f"{DRIVEN}, /right_arm/velocity/commands"
    for asked, said in {
        "joystick": f"has no topic joystick (--command); of type std_msgs/msg/Float64MultiArray it has {both}",
        "velocity/commands": f"has velocity/commands more than once: {both} (--command)",
        "cmd_vel": f"/cmd_vel is {TWIST}, but profile arm says command.type std_msgs/msg/Float64MultiArray; of that "
        f"type the bag has {both} (`--command` names the topic)",
    }.items():
        with pytest.raises(TopicError) as told:
            load_recording(bag, profile, command=asked)
        assert said in str(told.value)


def test_commands_of_another_name_are_pointed_out(tmp_path, profile):
    bag = bag_of(tmp_path / "bag", shown("/image"), driven())
    recording = load_recording(bag, profile)
    assert recording.commands is None
    hint = f"it has {DRIVEN}: if these are the robot's, name the topic with `--command`"
    assert hint in recording.notes[0]
    assert any(hint in note for note in survey(Bag(bag), profile).notes)


def test_the_command_line_takes_both_and_says_what_was_read(tmp_path):
    bag = bag_of(tmp_path / "bag", shown("/webcam"), driven())
    arguments = ["inspect", str(bag), "--camera", "webcam", "--command", DRIVEN]
    done = CliRunner().invoke(app, arguments, env={"COLUMNS": "250"})
    assert done.exit_code == 0, done.output
    lines = [" ".join(line.split()) for line in done.output.splitlines()]
    assert "camera /webcam" in lines
    assert f"commands 20 on {DRIVEN}" in lines


def test_options_that_nothing_has_a_use_for_are_told(tmp_path, profile):
    pytest.importorskip("av")
    from video_makers import greys, write_video

    video = write_video(tmp_path / "clip.mkv", greys(9))
    notes = load_recording(video, profile, camera="top", command="cmd_vel").notes
    assert [note.partition(":")[0] for note in notes] == [
        "--camera top is not used",
        "--command cmd_vel is not used",
    ]
    bag = bag_of(tmp_path / "bag", shown("/top"), driven())
    assert not load_recording([video, bag], profile, frame_size=16, camera="top", command=DRIVEN).notes[1:]
