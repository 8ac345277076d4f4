"""Bags of every kind and condition become recordings, or errors that say what to do."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
from bag_makers import ARRAY, COMPRESSED, IMAGE, SECOND, command, image, write_bag
from hypothesis import given, settings
from hypothesis import strategies as st
from message_kinds import blank
from rosbags.interfaces import (
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import CompressionMode, StoragePlugin

from wm_ros.data.describe import describe
from wm_ros.data.load import load_recording
from wm_ros.data.recording import Commands, Recording, RecordingError
from wm_ros.robots.profile import load_profile

PERIOD = SECOND // 10
COMMANDS = "/joint_velocity_controller/commands"


@pytest.fixture(scope="module")
def profile():
    return load_profile("arm")


def frames(count, start=5 * SECOND, period=PERIOD, topic="/image"):
    return [(topic, start + k * period, image(start + k * period, k)) for k in range(count)]


def held(start, count, *rates, period=SECOND // 50):
    return [(COMMANDS, start + k * period, command(*rates)) for k in range(count)]


# Reading.


@pytest.mark.parametrize("storage", [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
def test_frames_stamps_and_commands_come_back(tmp_path, profile, storage):
    bag = write_bag(tmp_path / "bag", frames(20) + held(5 * SECOND, 100, 0.5, -1.0), storage)
    recording = load_recording(bag, profile)
    assert recording.frames.shape == (20, 3, 4, 3)
    assert recording.frames[:, 0, 0, 0].tolist() == list(range(20))
    assert recording.stamps_ns.tolist() == [5 * SECOND + k * PERIOD for k in range(20)]
    assert recording.episodes == (slice(0, 20),)
    np.testing.assert_allclose(recording.actions(recording.clips(2)), [[[0.5, -1.0]]] * 18, atol=1e-6)
    assert recording.notes == ()
    assert "20 of 4x3, 10 Hz" in describe(recording)["frames"]


@pytest.mark.parametrize("compression", [CompressionMode.MESSAGE, CompressionMode.FILE])
@pytest.mark.parametrize("storage", [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
def test_compressed_bags_are_read(tmp_path, profile, storage, compression):
    bag = write_bag(tmp_path / "bag", frames(5), storage, compression=compression)
    assert load_recording(bag, profile).frames[:, 0, 0, 0].tolist() == list(range(5))


def test_frames_live_on_disk_and_need_no_file_afterwards(tmp_path, profile):
    recording = load_recording(write_bag(tmp_path / "bag", frames(5)), profile, cache_dir=tmp_path)
    assert isinstance(recording.frames, np.memmap)
    assert [entry.name for entry in tmp_path.iterdir()] == ["bag"]
    assert recording.frames[4, 0, 0, 0] == 4


def test_a_namespace_and_compressed_frames_are_found(tmp_path, profile):
    _, data = cv2.imencode(".png", np.full((3, 4, 3), 7, np.uint8))
    messages = []
    for number, (_, stamp, raw) in enumerate(frames(6)):
        message = blank("rosbags", COMPRESSED, format="png", data=data.reshape(-1), header=raw.header)
        messages.append(("/robot/image/compressed", stamp + number, message))
    assert (load_recording(write_bag(tmp_path / "bag", messages), profile).frames == 7).all()


def test_without_commands_there_are_frames_but_no_actions(tmp_path, profile):
    recording = load_recording(write_bag(tmp_path / "bag", frames(5)), profile)
    assert recording.commands is None
    with pytest.raises(ValueError, match="no commands on topic 'joint_velocity_controller/commands'"):
        recording.actions(recording.clips(2))


def test_qos_that_differs_between_metadata_and_storage_hides_nothing(tmp_path, profile):
    qos = Qos(
        QosHistory.KEEP_LAST, 1, QosReliability.RELIABLE, QosDurability.VOLATILE, QosTime(0, 0),
        QosTime(0, 0), QosLiveliness.AUTOMATIC, QosTime(0, 0), False,
    )  # fmt: skip
    bag = write_bag(tmp_path / "bag", frames(5), offered_qos_profiles=[qos])
    metadata = bag / "metadata.yaml"
    text = metadata.read_text()
    metadata.write_text(text.replace("depth: 1", "depth: 9"))
    assert metadata.read_text() != text
    assert len(load_recording(bag, profile).frames) == 5


def test_fewer_messages_than_promised_are_noted(tmp_path, profile):
    bag = write_bag(tmp_path / "bag", frames(5))
    metadata = bag / "metadata.yaml"
    metadata.write_text(metadata.read_text().replace("message_count: 5", "message_count: 9"))
    assert "promises 9 messages on these topics, found 5" in load_recording(bag, profile).notes[0]


@pytest.mark.parametrize("metadata", ["present", "missing"])
def test_a_cut_mcap_is_salvaged_as_far_as_it_goes(tmp_path, profile, metadata):
    rng = np.random.default_rng(0)
    noise = [
        (topic, stamp, image(stamp, 0, 4000, data=rng.integers(0, 256, 36_000).astype(np.uint8)))
        for topic, stamp, _ in frames(100)
    ]
    bag = write_bag(tmp_path / "bag", noise)
    file = bag / "bag.mcap"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    if metadata == "missing":
        (bag / "metadata.yaml").unlink()
    recording = load_recording(bag, profile)
    assert 20 <= len(recording.frames) < 60
    np.testing.assert_array_equal(recording.frames[9].reshape(-1), noise[9][2].data)
    assert "bag.mcap is cut off" in recording.notes[0]
    assert f"salvaged {len(recording.frames)} messages" in recording.notes[0]


def test_a_bag_without_metadata_and_a_single_file_are_read(tmp_path, profile):
    bag = write_bag(tmp_path / "bag", frames(5))
    (bag / "metadata.yaml").unlink()
    assert len(load_recording(bag, profile).frames) == 5
    assert len(load_recording(bag / "bag.mcap", profile).frames) == 5


def test_frames_that_cannot_be_decoded_are_left_out_and_counted(tmp_path, profile):
    messages = frames(10)
    messages[3] = (*messages[3][:2], image(messages[3][1], encoding="rgb8", data=np.zeros(5, np.uint8)))
    messages[6] = (*messages[6][:2], image(messages[6][1], encoding="thermal7"))
    recording = load_recording(write_bag(tmp_path / "bag", messages), profile)
    assert recording.frames[:, 0, 0, 0].tolist() == [0, 1, 2, 4, 5, 7, 8, 9]
    assert len(recording.episodes) == 1
    notes = " ".join(recording.notes)
    assert "unknown image encoding 'thermal7'" in notes
    assert "5 bytes of data" in notes


@pytest.mark.parametrize(
    ("storage", "compression"),
    [(StoragePlugin.SQLITE3, CompressionMode.NONE), (StoragePlugin.MCAP, CompressionMode.STORAGE)],
)
def test_a_damaged_storage_is_read_up_to_there_and_says_so(tmp_path, profile, storage, compression):
    rng = np.random.default_rng(0)
    noise = [
        (topic, stamp, image(stamp, 0, 4000, data=rng.integers(0, 4, 36_000).astype(np.uint8)))
        for topic, stamp, _ in frames(100)
    ]
    bag = write_bag(tmp_path / "bag", noise, storage, compression=compression)
    file = next(entry for entry in bag.iterdir() if entry.suffix in (".mcap", ".db3"))
    data = bytearray(file.read_bytes())
    middle = len(data) // 2 // 4096 * 4096  # a page of sqlite begins with where its message goes on
    data[middle : middle + 400] = bytes(400)
    file.write_bytes(data)
    recording = load_recording(bag, profile)
    count = len(recording.frames)
    assert 10 < count < 60
    np.testing.assert_array_equal(recording.frames[9].reshape(-1), noise[9][2].data)
    assert f"{file.name} is damaged after {count} messages, and the rest of it is lost" in recording.notes[0]
    assert f"promises 100 messages on these topics, found {count}" in recording.notes[1]


@pytest.mark.parametrize("damage", ["cut", "garbage"])
def test_corrupt_jpegs_are_left_out_and_counted(tmp_path, profile, damage):
    smooth = cv2.GaussianBlur(
        np.random.default_rng(0).integers(0, 256, (48, 64, 3)).astype(np.uint8), (9, 9), 0
    )
    whole = cv2.imencode(".jpg", smooth)[1].reshape(-1)
    broken = whole[:20] if damage == "cut" else np.arange(500).astype(np.uint8)
    messages = []
    for number, (_, stamp, raw) in enumerate(frames(10)):
        data = broken if number in (2, 7) else whole
        message = blank("rosbags", COMPRESSED, format="jpeg", data=data, header=raw.header)
        messages.append(("/image/compressed", stamp, message))
    recording = load_recording(write_bag(tmp_path / "bag", messages), profile)
    assert recording.frames.shape == (8, 48, 64, 3)
    assert "bag: left out 2 messages, /image/compressed: " in recording.notes[0]


def test_commands_that_are_not_finite_are_left_out_and_counted(tmp_path, profile):
    messages = frames(5) + held(5 * SECOND, 20, 0.5, 0.5) + held(5 * SECOND + 7, 2, float("nan"), 0.0)
    recording = load_recording(write_bag(tmp_path / "bag", sorted(messages, key=lambda m: m[1])), profile)
    assert len(recording.commands.stamps_ns) == 20
    assert any("left out 2 messages" in note and "NaN" in note for note in recording.notes)


# Refusing.


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


def test_a_clock_restart_between_commands_is_refused(tmp_path, profile):
    messages = frames(5, start=9 * SECOND) + held(9 * SECOND, 3, 0.0, 0.0) + [
        ("/image", 20 * SECOND + k, image(3 * SECOND + k * PERIOD)) for k in range(3)
    ]  # fmt: skip
    with pytest.raises(RecordingError, match=r"stamps go back by 6\.4 s at frame 5"):
        load_recording(write_bag(tmp_path / "bag", messages), profile)


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
    with pytest.raises(RecordingError, match=r"1 usable frames. bag: left out 4 .* does not stamp"):
        load_recording(write_bag(tmp_path / "bag", messages), profile)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "no recording at"),
        (lambda path: path.mkdir(), "is no recording: its content is not that of a rosbag2 folder"),
        (lambda path: path.write_text("x"), "is no recording: .* a LeRobot dataset"),
        (lambda path: path.with_suffix(".mp4").write_text("x"), "no recording at"),
        (lambda path: (path.mkdir(), (path / "metadata.yaml").write_text("a: [")), "no rosbag2 metadata"),
        (
            lambda path: (path.mkdir(), (path / "a.db3").write_bytes(b"junk" * 99)),
            "truncated sqlite3 bag is lost",
        ),
        (lambda path: (path.mkdir(), (path / "a.mcap").write_bytes(b"")), "no camera topic"),
    ],
)
def test_what_is_no_recording_is_told_so(tmp_path, profile, make, said):
    make(tmp_path / "bag")
    with pytest.raises(RecordingError, match=said):
        load_recording(tmp_path / "bag", profile)


def test_a_file_named_in_the_metadata_must_be_there(tmp_path, profile):
    bag = write_bag(tmp_path / "bag", frames(3))
    (bag / "bag.mcap").rename(bag / "other.mcap")
    with pytest.raises(RecordingError, match=r"lacks the files bag\.mcap"):
        load_recording(bag, profile)


# Episodes.


def test_episodes_end_at_markers_gaps_and_steps_back(tmp_path, profile):
    marker = blank("rosbags", "std_msgs/msg/Int32")
    messages = frames(4)
    messages += [("/episode", messages[-1][1] + 1, marker), *frames(3, start=messages[-1][1] + PERIOD)]
    messages += frames(3, start=messages[-1][1] + 5 * PERIOD)
    last = messages[-1][1]
    messages += [("/image", last + k, image(last - SECOND + k * PERIOD)) for k in range(1, 3)]
    recording = load_recording(write_bag(tmp_path / "bag", messages), profile)
    assert recording.episodes == (slice(0, 4), slice(4, 7), slice(7, 10), slice(10, 12))
    assert recording.notes == ("bag: 2 gaps or jumps of the frames' stamps, each ends an episode",)


def test_cameras_of_different_rates_do_not_cut_each_other_s_episodes(tmp_path, profile):
    fast = write_bag(tmp_path / "fast", frames(60, period=SECOND // 30))
    slow = write_bag(tmp_path / "slow", frames(8, period=SECOND // 5))
    assert load_recording([fast, slow], profile).episodes == (slice(0, 60), slice(60, 68))


def test_a_few_lost_frames_do_not_end_an_episode(tmp_path, profile):
    messages = [message for k, message in enumerate(frames(20)) if k not in (5, 6, 12)]
    assert len(load_recording(write_bag(tmp_path / "bag", messages), profile).episodes) == 1


def test_bags_whose_clocks_overlap_keep_their_own_commands(tmp_path, profile):
    bags = [
        write_bag(tmp_path / name, frames(4) + held(5 * SECOND, 20, rate, 0.0))
        for name, rate in (("a", 0.5), ("b", -0.5))
    ]
    recording = load_recording(bags, profile)
    assert recording.episodes == (slice(0, 4), slice(4, 8))
    actions = recording.actions(recording.clips(2))
    np.testing.assert_allclose(actions[:, 0, 0], [0.5, 0.5, -0.5, -0.5], atol=1e-6)


def test_bags_with_and_without_commands_are_told_apart(tmp_path, profile):
    bags = [
        write_bag(tmp_path / "a", frames(8)),
        write_bag(tmp_path / "b", frames(8) + held(5 * SECOND, 20, 0.5, 0.0)),
        write_bag(tmp_path / "c", frames(8), topics=[(COMMANDS, ARRAY)]),
    ]
    recording = load_recording(bags, profile)
    assert recording.labelled_episodes.tolist() == [1]
    assert recording.actions(recording.clips(2, [1])).any()
    for episode in (0, 2):
        with pytest.raises(ValueError, match=r"no commands .* with these clips"):
            recording.actions(recording.clips(2, [1, episode]))
    assert recording.sources[0] == "a: bag, 8 frames of 4x3 at 10 Hz, 1 episodes, without commands"
    assert [source.rpartition(", ")[2] for source in recording.sources[1:]] == [
        "with commands",
        "without commands",
    ]


def test_a_silent_command_topic_is_not_taken_for_rest(tmp_path, profile):
    bag = write_bag(tmp_path / "bag", frames(5), topics=[(COMMANDS, ARRAY), ("/image", IMAGE)])
    recording = load_recording(bag, profile)
    assert recording.commands is None
    assert "bag: no command on joint_velocity_controller/commands" in recording.notes[0]


# Clips at the model's rate (5 Hz).


def recorded(profile, stamps_ns, episodes=None):
    stamps_ns = np.asarray(stamps_ns, dtype=np.int64)
    return Recording(
        profile=profile,
        frames=np.zeros((len(stamps_ns), 1, 1, 3), np.uint8),
        stamps_ns=stamps_ns,
        episodes=episodes or (slice(0, len(stamps_ns)),),
        commands=None,
    )


def test_a_camera_twice_as_fast_gives_clips_in_both_phases(profile):
    recording = recorded(profile, np.arange(7) * PERIOD)
    assert recording.clips(3).tolist() == [[0, 2, 4], [1, 3, 5], [2, 4, 6]]
    assert recording.camera_rate_hz == pytest.approx(10.0)


def test_clips_stay_within_episodes_and_can_be_chosen_by_episode(profile):
    recording = recorded(profile, np.arange(8) * PERIOD, (slice(0, 4), slice(4, 8)))
    assert recording.clips(2).tolist() == [[0, 2], [1, 3], [4, 6], [5, 7]]
    assert recording.clips(2, episodes=[1]).tolist() == [[4, 6], [5, 7]]
    assert recording.clips(5).shape == (0, 5)


def test_a_lost_frame_breaks_only_the_clips_through_it(profile):
    stamps = np.delete(np.arange(8) * PERIOD, 4)
    assert recorded(profile, stamps).clips(2).tolist() == [[0, 2], [1, 3], [3, 4], [4, 6]]


@pytest.mark.parametrize("rate_hz", [5.0, 7.5, 15.0, 24.0, 30.0, 60.0])
def test_any_camera_rate_gives_steps_within_the_tolerance(profile, rate_hz):
    rng = np.random.default_rng(1)
    stamps = np.arange(200) * SECOND / rate_hz + rng.uniform(-0.005, 0.005, 200) * SECOND
    recording = recorded(profile, stamps)
    clips = recording.clips(4)
    steps = np.diff(recording.stamps_ns[clips], axis=1) * 1e-9
    assert np.abs(steps - 0.2).max(initial=0.0) <= 0.2 * 0.2 + 1e-9
    assert (len(clips) > 100) == (rate_hz != 7.5)  # 1.5 camera periods a step: no frame is near


@pytest.mark.parametrize("count", [1, 2])
def test_tiny_episodes_have_no_clips(profile, count):
    assert recorded(profile, np.arange(count) * PERIOD).clips(2).shape == (0, 2)


# What was commanded between two frames.


def naive_mean(stamps, vectors, timeout_s, start, end):
    """By sampling every 10 us."""
    total, times = 0.0, np.arange(start, end, 10_000)
    for time in times:
        index = np.searchsorted(stamps, time, side="right") - 1
        if index >= 0 and time - stamps[index] < timeout_s * 1e9:
            total = total + vectors[index]
    return total / len(times)


@settings(max_examples=25, deadline=None)
@given(
    steps=st.lists(st.integers(1, 40), min_size=1, max_size=8),
    rates=st.lists(st.floats(-2.0, 2.0), min_size=8, max_size=8),
    start=st.integers(-50, 100),
    length=st.integers(1, 100),
)
def test_the_mean_command_is_the_time_weighted_mean_of_what_was_held(steps, rates, start, length):
    millisecond = 1_000_000
    stamps = np.cumsum(steps) * millisecond + 10**18
    vectors = np.array(rates[: len(steps)])[:, None]
    start_ns = 10**18 + start * millisecond
    end_ns = start_ns + length * millisecond
    commands = Commands(stamps, vectors, timeout_s=0.03)
    wanted = naive_mean(stamps, vectors, 0.03, start_ns, end_ns)
    np.testing.assert_allclose(commands.mean(start_ns, end_ns), np.broadcast_to(wanted, 1), atol=1e-6)


def test_the_driver_s_timeout_ends_what_is_held():
    commands = Commands(np.array([0]), np.array([[1.0]]), timeout_s=0.25)
    assert commands.mean(0, SECOND) == pytest.approx(0.25)
    assert commands.mean(SECOND, 2 * SECOND) == 0.0


def test_a_mean_needs_time_to_pass():
    with pytest.raises(ValueError, match="end after their start"):
        Commands(np.array([0]), np.array([[1.0]]), 1.0).mean(5, 5)


def test_the_description_tells_limits_broken(tmp_path, profile):
    messages = frames(5) + held(5 * SECOND, 10, 3.0, 0.0)
    facts = describe(load_recording(write_bag(tmp_path / "bag", messages), profile))
    assert "100.00% beyond" in facts["shoulder"]
    assert json.dumps(facts)
