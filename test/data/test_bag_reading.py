"""Bags of every kind and condition become recordings."""

import json

import cv2
import numpy as np
import pytest
from bag_makers import COMPRESSED, PERIOD, SECOND, frames, held, image, write_bag
from mcap.reader import make_reader
from mcap.writer import Writer as McapWriter
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


def test_the_description_tells_limits_broken(tmp_path, profile):
    messages = frames(5) + held(5 * SECOND, 10, 3.0, 0.0)
    facts = describe(load_recording(write_bag(tmp_path / "bag", messages), profile))
    assert "100.00% beyond" in facts["shoulder"]
    assert json.dumps(facts)


def test_split_files_are_read_in_the_order_of_their_times(tmp_path, profile):
    bag = tmp_path / "bag"
    bag.mkdir()
    for number in range(12):  # rec_10 comes before rec_2
        messages = frames(2, start=5 * SECOND + 2 * number * PERIOD)
        part = write_bag(tmp_path / f"part_{number}", messages)
        (part / f"{part.name}.mcap").rename(bag / f"rec_{number}.mcap")
    recording = load_recording(bag, profile)
    assert recording.episodes == (slice(0, 24),)
    np.testing.assert_array_equal(recording.stamps_ns, 5 * SECOND + PERIOD * np.arange(24))


def rewritten(bag, profile="ros2", log_ns=lambda number, log_ns: log_ns):
    """The bag's mcap, written again with another profile or other times."""
    file = bag.parent / "other.mcap"
    with (bag / f"{bag.name}.mcap").open("rb") as source, file.open("wb") as stream:
        writer, channels = McapWriter(stream), {}
        writer.start(profile=profile)
        for number, (schema, channel, message) in enumerate(make_reader(source).iter_messages()):
            if channel.id not in channels:
                known = writer.register_schema(schema.name, schema.encoding, schema.data)
                channels[channel.id] = writer.register_channel(channel.topic, channel.message_encoding, known)
            writer.add_message(channels[channel.id], log_ns(number, message.log_time), message.data, 0)
        writer.finish()
    return file


def test_a_message_with_a_time_that_cannot_be_is_left_out(tmp_path, profile):
    bag = write_bag(tmp_path / "bag", frames(9))
    file = rewritten(bag, log_ns=lambda number, log_ns: 2**64 - 5 if number == 8 else log_ns)
    recording = load_recording(file, profile)
    assert len(recording.frames) == 8
    assert any("left out 1 messages logged after the year 2262" in note for note in recording.notes)


def test_a_whole_file_without_the_profile_of_ros_2_is_not_called_cut_off(tmp_path, profile):
    recording = load_recording(rewritten(write_bag(tmp_path / "bag", frames(9)), profile=""), profile)
    assert len(recording.frames) == 9
    assert any("cannot be read by its index (Profile is not ros2.)" in note for note in recording.notes)
