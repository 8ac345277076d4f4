"""Bags that cannot be used, or not as they are, are errors that say what to do."""

from dataclasses import replace

import numpy as np
import pytest
from bag_makers import COMMANDS, PERIOD, SECOND, frames, held, image, write_bag
from mcap.writer import Writer as McapWriter
from message_kinds import blank

from wm_ros.data.load import load_recording
from wm_ros.data.recording import RecordingError
from wm_ros.robots.profile import load_profile


def test_no_camera_lists_the_topics_there_are(tmp_path, profile):
    bag = write_bag(tmp_path / "bag", frames(3, topic="/webcam") + held(5 * SECOND, 3, 0.0, 0.0))
    with pytest.raises(RecordingError, match=r"no camera topic image .*/webcam \(sensor_msgs/msg/Image\)"):
        load_recording(bag, profile)


def test_a_change_of_resolution_names_both(tmp_path, profile):
    messages = [*frames(3), ("/image", 6 * SECOND, image(6 * SECOND, width=8))]
    with pytest.raises(RecordingError, match="frame 3 is 8x3 after frames of 4x3"):
        load_recording(write_bag(tmp_path / "bag", messages), profile)


def test_commands_of_another_type_are_refused(tmp_path, profile):
    twist = blank("rosbags", "geometry_msgs/msg/Twist")
    bag = write_bag(tmp_path / "bag", [*frames(3), (COMMANDS, 6 * SECOND, twist)])
    with pytest.raises(
        RecordingError, match=r"is geometry_msgs/msg/Twist, but profile arm says .*Float64MultiArray"
    ):
        load_recording(bag, profile)


def test_commands_by_another_clock_are_refused(tmp_path, profile):
    bag = write_bag(tmp_path / "bag", frames(3) + held(1_700_000_000 * SECOND, 3, 0.0, 0.0))
    with pytest.raises(RecordingError, match=r"different clocks.*--use-sim-time"):
        load_recording(bag, profile)


def test_a_camera_clock_that_begins_anew_makes_two_runs_beside_the_commands_by_the_time_of_recording(
    tmp_path, profile
):
    messages = frames(5, start=9 * SECOND) + held(9 * SECOND, 25, 0.1, 0.1) + held(20 * SECOND, 25, 0.3, 0.3)
    messages += [("/image", 20 * SECOND + k * PERIOD, image(3 * SECOND + k * PERIOD, 9)) for k in range(4)]
    recording = load_recording(write_bag(tmp_path / "bag", messages), profile)
    assert recording.episodes == (slice(0, 5), slice(5, 9))
    first = recording.actions(recording.clips(2))[:, 0]
    np.testing.assert_allclose(first, [[0.1, 0.1]] * 3 + [[0.3, 0.3]] * 2, atol=1e-6)
    assert any("clock went back 1 times" in note for note in recording.notes)


@pytest.mark.parametrize("jump_s", [-7.5, 7.5])
def test_a_camera_clock_that_jumps_against_the_recorder_s_is_refused(tmp_path, profile, jump_s):
    messages = frames(30) + held(5 * SECOND, 150, 0.5, 0.5)
    for index in range(0 if jump_s < 0 else 20, 20 if jump_s < 0 else 30):
        log_ns = messages[index][1]
        messages[index] = ("/image", log_ns, image(log_ns + round(jump_s * SECOND)))
    with pytest.raises(
        RecordingError, match=rf"up to \{jump_s:+.1f} s off the recorder's clock.* with a header"
    ):
        load_recording(write_bag(tmp_path / "bag", messages), profile)


def test_a_camera_clock_of_its_own_is_fine_where_commands_have_it_too(tmp_path):
    twist = replace(load_profile("arm").command, topic="cmd_vel", type="geometry_msgs/msg/TwistStamped")
    arm = load_profile("arm")
    fields = [replace(arm.action[0], field="twist.linear.x"), replace(arm.action[1], field="twist.angular.z")]
    messages = []
    for number in range(20):
        stamp = 1000 * SECOND + number * PERIOD
        message = blank("rosbags", "geometry_msgs/msg/TwistStamped")
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp, SECOND)
        message.twist.linear.x = 0.5
        messages += [("/image", number * PERIOD, image(stamp)), ("/cmd_vel", number * PERIOD, message)]
    recording = load_recording(
        write_bag(tmp_path / "bag", messages), replace(arm, command=twist, action=tuple(fields))
    )
    np.testing.assert_allclose(recording.actions(recording.clips(2))[:, 0], [[0.5, 0.0]] * 18, atol=1e-6)


def test_a_camera_that_does_not_stamp_is_refused_with_the_reason(tmp_path, profile):
    messages = [("/image", 99 * SECOND + k * PERIOD, image(0)) for k in range(5)] + held(0, 3, 0.1, 0.1)
    bag = write_bag(tmp_path / "bag", messages)
    with pytest.raises(RecordingError, match=r"all 5 frames on /image have a stamp of zero.*--stamps log"):
        load_recording(bag, profile)


@pytest.mark.parametrize("stamp_ns", [0, 7200 * SECOND])
def test_by_the_time_of_recording_any_camera_clock_will_do(tmp_path, profile, stamp_ns):
    messages = held(5 * SECOND, 50, 0.2, 0.4)
    messages += [
        ("/image", 5 * SECOND + k * PERIOD, image(stamp_ns and stamp_ns + k * PERIOD, k)) for k in range(9)
    ]
    bag = write_bag(tmp_path / "bag", messages)
    with pytest.raises(RecordingError, match="--stamps log"):
        load_recording(bag, profile)
    recording = load_recording(bag, profile, stamps="log")
    assert recording.stamps_ns[0] == 5 * SECOND
    np.testing.assert_allclose(recording.actions(recording.clips(2))[0, 0], [0.2, 0.4], atol=1e-6)
    assert any("dated by the time of recording" in note for note in recording.notes)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "no recording at"),
        (lambda path: path.mkdir(), "is no recording: its content is not that of a rosbag2 folder"),
        (lambda path: path.write_text("x"), "is no recording: .* a LeRobot dataset"),
        (lambda path: path.with_suffix(".mp4").write_text("x"), "no recording at"),
        (lambda path: (path.mkdir(), (path / "metadata.yaml").write_text("a: [")), "no rosbag2 metadata"),
        (
            lambda path: (path.mkdir(), (path / "a.db3").write_bytes(b"SQLite format 3\0" + b"junk" * 99)),
            "truncated sqlite3 bag is lost",
        ),
        (lambda path: (path.mkdir(), (path / "a.mcap").write_text("hello")), r"no \.mcap file: .* is text"),
        (
            lambda path: (path.mkdir(), (path / "a.db3").write_bytes(b"\x89MCAP0\r\n")),
            "an MCAP file: name it",
        ),
        (lambda path: (path.mkdir(), (path / "a.db3").write_bytes(b"#ROSBAG V2.0")), "is a ROS 1 bag"),
        (lambda path: (path.mkdir(), write_ros1(path / "a.mcap")), "an MCAP file of ROS 1"),
        (lambda path: (path.mkdir(), (path / "a.mcap").write_bytes(b"")), "no camera topic"),
    ],
)
def test_what_is_no_recording_is_told_so(tmp_path, profile, make, said):
    make(tmp_path / "bag")
    with pytest.raises(RecordingError, match=said):
        load_recording(tmp_path / "bag", profile)


def write_ros1(path):
    with path.open("wb") as stream:
        writer = McapWriter(stream)
        writer.start(profile="ros1")
        writer.finish()


def test_a_data_file_that_was_renamed_is_read_with_a_note(tmp_path, profile):
    bag = write_bag(tmp_path / "bag", frames(3))
    (bag / "bag.mcap").rename(bag / "other.mcap")
    recording = load_recording(bag, profile)
    assert len(recording.frames) == 3
    assert any("names bag.mcap; other.mcap lies beside it" in note for note in recording.notes)


def test_a_file_named_in_the_metadata_must_be_there(tmp_path, profile):
    bag = write_bag(tmp_path / "bag", frames(3))
    (bag / "bag.mcap").unlink()
    with pytest.raises(RecordingError, match=r"lacks the files bag\.mcap"):
        load_recording(bag, profile)
