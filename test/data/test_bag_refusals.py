"""Bags that cannot be used, or not as they are, are errors that say what to do."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from bag_makers import COMMANDS, PERIOD, SECOND, frames, held, image, write_bag
from mcap.writer import Writer as McapWriter
from message_kinds import blank
from rosbags.rosbag2 import CompressionMode

from wm_ros.data.load import load_recording
from wm_ros.data.recording import RecordingError
from wm_ros.robots.profile import load_profile

LFS_POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:66\nsize 147\n"


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
    assert any("clock jumped 1 times" in note for note in recording.notes)


def jumping(tmp_path, ahead_s):
    """A bag of 30 frames, of which number k is stamped `ahead_s(k)` off; the command is 0.01 k from frame k on."""
    messages = []
    for k in range(30):
        log_ns = 5 * SECOND + k * PERIOD
        messages.append(("/image", log_ns, image(log_ns + round(ahead_s(k) * SECOND), k)))
        messages += held(log_ns, 5, 0.01 * k, 0.02 * k)
    return write_bag(tmp_path / "bag", messages)


@pytest.mark.parametrize(
    ("ahead_s", "edges"),
    [
        (lambda k: 7.5 if k >= 20 else 0.0, [0, 20, 30]),  # set anew
        (
            lambda k: -4294.967 if 10 <= k < 15 else 0.0,
            [0, 10, 15, 30],
        ),  # wraps, and is put right after a while
        (lambda k: 1.9e9 if k == 12 else 0.0, [0, 12, 13, 30]),  # a single frame from the future
    ],
)
def test_a_clock_that_jumps_costs_no_frame_and_no_command(tmp_path, profile, ahead_s, edges):
    recording = load_recording(jumping(tmp_path, ahead_s), profile)
    assert recording.episodes == tuple(slice(*pair) for pair in itertools.pairwise(edges))
    np.testing.assert_array_equal(recording.stamps_ns, 5 * SECOND + PERIOD * np.arange(30))
    np.testing.assert_allclose(recording.step_actions[0], [0.005, 0.01], atol=1e-6)
    np.testing.assert_allclose(recording.step_actions[21], [0.215, 0.43], atol=1e-6)
    assert any(f"clock jumped {len(edges) - 2} times" in note for note in recording.notes)


def test_first_frames_that_the_recorder_got_late_are_no_jump_of_the_clock(tmp_path, profile):
    late = [("/image", 9 * SECOND, image(5 * SECOND))]
    on_time = [("/image", stamp, message) for _, stamp, message in frames(30, start=9 * SECOND + PERIOD)]
    recording = load_recording(write_bag(tmp_path / "bag", late + on_time), profile)
    assert recording.stamps_ns[:2].tolist() == [5 * SECOND, 9 * SECOND + PERIOD]
    assert not any("jumped" in note for note in recording.notes)


def test_a_camera_clock_that_is_off_the_recorder_s_from_the_beginning_is_refused(tmp_path, profile):
    bag = jumping(tmp_path, lambda k: -7.5 if k < 20 else 0.0)
    with pytest.raises(
        RecordingError, match=r"frames on /image .* up to \-7\.5 s off the recorder's clock.* with a header"
    ):
        load_recording(bag, profile)


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


def test_a_camera_that_stamps_all_frames_alike_is_told_the_way_out(tmp_path, profile):
    messages = [("/image", 5 * SECOND + k * PERIOD, image(5 * SECOND)) for k in range(5)]
    with pytest.raises(RecordingError, match=r"1 usable frames.*left out 4 .*--stamps log"):
        load_recording(write_bag(tmp_path / "bag", messages), profile)


def test_some_frames_without_a_stamp_are_left_out_and_counted(tmp_path, profile):
    messages = [("/image", 5 * SECOND + k * PERIOD, image(k and 5 * SECOND + k * PERIOD)) for k in range(5)]
    recording = load_recording(write_bag(tmp_path / "bag", messages), profile)
    assert len(recording.frames) == 4
    assert any(
        "left out 1 frames without a stamp" in note and "--stamps log" in note for note in recording.notes
    )


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
            lambda path: (path.mkdir(), (path / "a.mcap").write_text("<html>\n<body>größer")),
            r"text that begins with '<html>\\n",
        ),
        (lambda path: (path.mkdir(), (path / "a.mcap").write_bytes(bytes(4096))), "its content is zeros"),
        (lambda path: (path.mkdir(), (path / "a.db3").write_text(LFS_POINTER)), "git lfs pull"),
        (lambda path: (path.mkdir(), (path / "a.mp4").write_text(LFS_POINTER)), "git lfs pull"),
        (lambda path: (path.mkdir(), (path / "a.bag").write_bytes(b"#ROSBAG V2.0\n")), "is a ROS 1 bag"),
        (lambda path: (path.mkdir(), write_json(path / "a.mcap")), "an MCAP file of json messages"),
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


def write_json(path):
    with path.open("wb") as stream:
        writer = McapWriter(stream)
        writer.start()
        channel = writer.register_channel("/image", "json", writer.register_schema("a", "jsonschema", b"{}"))
        writer.add_message(channel, 0, b"{}", 0)
        writer.finish()


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


def test_a_compressed_file_that_was_renamed_is_told_so(tmp_path, profile):
    bag = write_bag(tmp_path / "bag", frames(3), compression=CompressionMode.FILE)
    (bag / "bag.mcap.zstd").rename(bag / "other.mcap.zstd")
    with pytest.raises(RecordingError, match=r"lacks the files bag\.mcap\.zstd .* name them so again"):
        load_recording(bag, profile)


@pytest.mark.parametrize("content", [lambda data: data[: len(data) // 2], lambda data: b"x" * 500])
def test_a_compressed_file_that_is_cut_or_damaged_is_told_so(tmp_path, profile, content):
    bag = write_bag(tmp_path / "bag", frames(9), compression=CompressionMode.FILE)
    file = bag / "bag.mcap.zstd"
    file.write_bytes(content(file.read_bytes()))
    with pytest.raises(RecordingError, match=r"cannot be read: .* so is one compressed file by file"):
        load_recording(bag, profile)
