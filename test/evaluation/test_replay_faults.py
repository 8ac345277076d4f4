"""What a camera with a fault shows, what of a bag can be played, and scripts that cannot be used."""

from dataclasses import replace

import numpy as np
import pytest
from bag_makers import SECOND, command, image, write_bag
from message_kinds import blank, typestore

from wm_ros.data.bag_messages import Bag
from wm_ros.data.load import load_recording
from wm_ros.data.recording import RecordingError
from wm_ros.data.segments import survey
from wm_ros.evaluation.replay.faults import (
    Fault,
    FaultError,
    FaultyCamera,
    detectable_faults,
    load_faults,
    select_episode,
)
from wm_ros.messages.cdr import restamped, stamp_of
from wm_ros.resources import share_dir
from wm_ros.robots.profile import load_profile

IMAGE = "sensor_msgs/msg/Image"
COMMANDS = "/joint_velocity_controller/commands"
START, PERIOD = 5 * SECOND, SECOND // 10
PROFILE = load_profile("arm")


def encoded(stamp_ns, value):
    return bytes(typestore().serialize_cdr(image(stamp_ns, value), IMAGE))


def content(data):
    message = typestore().deserialize_cdr(data, IMAGE)
    return stamp_of(data), int(message.data[0])


def show(fault, count=40):
    """Stamps from the start, and grey values, of what is shown of frames whose value is their number."""
    camera = FaultyCamera(fault, START, lambda data: restamped(encoded(0, 255), stamp_of(data)))
    frames = [camera.shown(START + k * PERIOD, encoded(START + k * PERIOD, k)) for k in range(count)]
    return [None if data is None else content(data) for data in frames], camera


def recorded(k):
    return START + k * PERIOD, k


def test_stamps_are_read_and_replaced_in_serialised_messages():
    data = encoded(7 * SECOND + 5, 3)
    assert stamp_of(data) == 7 * SECOND + 5
    assert content(restamped(data, 9 * SECOND)) == (9 * SECOND, 3)
    big = bytes(typestore().serialize_cdr(image(SECOND + 1, 0), IMAGE, little_endian=False))
    assert stamp_of(restamped(big, 2 * SECOND + stamp_of(big))) == 3 * SECOND + 1
    with pytest.raises(ValueError, match="at least 12 bytes, got 3"):
        stamp_of(b"abc")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("freeze", lambda k: (START + k * PERIOD, 19)),
        ("dead", lambda k: None),
        ("old", lambda k: recorded(10 + (k - 20) % 10)),
        ("garbage", lambda k: (START + k * PERIOD, 255)),
    ],
)
def test_a_fault_changes_its_own_frames_and_no_others(kind, expected):
    shown, camera = show(Fault(kind, 2.0, 1.5))
    assert shown == [expected(k) if 20 <= k < 35 else recorded(k) for k in range(40)]
    assert camera.is_at_fault(START + 2 * SECOND)
    assert not camera.is_at_fault(START + 35 * PERIOD)
    assert camera.clock_ns(START + 3 * SECOND) == START + 3 * SECOND


def test_a_clock_jump_takes_clock_and_stamps_along_for_good():
    shown, camera = show(Fault("clock_jump", 2.0, 1.5, by_s=-2.0))
    assert shown == [(START + k * PERIOD - (2 * SECOND if k >= 20 else 0), k) for k in range(40)]
    assert camera.clock_ns(START + 4 * SECOND) == START + 2 * SECOND
    assert camera.is_at_fault(START + 39 * PERIOD)


def test_the_script_that_is_shipped_fits_the_bag_that_record_makes(tmp_path):
    pytest.importorskip("mujoco")
    from wm_ros.tasks.record import record_sim

    record_sim(PROFILE, tmp_path / "bag", episodes=1, seconds=6.0)
    segments = survey(Bag(tmp_path / "bag"), PROFILE).segments
    faults = load_faults(share_dir() / "config" / "replay_faults.yaml")
    assert {fault.kind for fault in faults} == {"freeze", "dead", "old", "garbage", "clock_jump"}
    assert {select_episode(fault, segments).number for fault in faults} == {0}


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (
            "{kind: melts, at_s: 2, for_s: 1}",
            "kind must be one of freeze, dead, old, garbage, clock_jump; got 'melts'",
        ),
        ("{kind: dead, at_s: 2}", "for_s must be a number, got None"),
        ("{kind: dead, at_s: 0, for_s: 1}", "at_s must be at least 0.5 s, got 0.0"),
        ("{kind: dead, at_s: 2, for_s: 1, by_s: 3}", "by_s is for clock_jump only"),
        ("{kind: clock_jump, at_s: 2, for_s: 1, by_s: 0}", "by_s must not be 0"),
        ("{kind: dead, at_s: 2, for_s: 1, episode: one}", "episode must be an episode's number, got 'one'"),
        (
            "{kind: dead, at_s: 2, for_s: 1, often: 3}",
            "must be a mapping of kind, at_s, for_s, by_s, episode",
        ),
    ],
)
def test_entries_that_mean_nothing_are_refused(tmp_path, entry, said):
    script = tmp_path / "faults.yaml"
    script.write_text(f"faults:\n  - {entry}\n")
    with pytest.raises(FaultError, match=r"faults\[0\]") as error:
        load_faults(script)
    assert said in str(error.value)


def test_freezing_is_left_out_where_every_picture_at_rest_is_the_same():
    faults = (Fault("freeze", 2.0, 1.0), Fault("dead", 2.0, 1.0))
    left, (note,) = detectable_faults(faults, PROFILE)
    assert left == faults[1:]
    assert "noise: false" in note
    with pytest.raises(FaultError, match="name another fault"):
        detectable_faults(faults[:1], PROFILE)
    noisy = replace(PROFILE, camera=replace(PROFILE.camera, noise=True))
    assert detectable_faults(faults, noisy) == (faults, ())


def test_a_script_without_faults_is_refused(tmp_path):
    (tmp_path / "faults.yaml").write_text("faults: []\n")
    with pytest.raises(FaultError, match="a list `faults` with at least one entry"):
        load_faults(tmp_path / "faults.yaml")
    with pytest.raises(FaultError, match="cannot be read"):
        load_faults(tmp_path / "nowhere.yaml")


# What of a bag can be played.


def frames(count, start=START, number=0, late=0):
    times = [start + k * PERIOD for k in range(count)]
    return [("/image", at + late, image(at, number + k)) for k, at in enumerate(times)]


def marker(at):
    return "/episode", at, blank("rosbags", "std_msgs/msg/Int32", data=0)


def found(tmp_path, messages):
    return survey(Bag(write_bag(tmp_path / "bag", messages)), PROFILE)


def test_episodes_are_those_of_the_data_room(tmp_path):
    later = START + 20 * SECOND
    messages = [
        marker(START - 1),
        *frames(20),
        marker(START + 2 * SECOND - 1),
        *frames(20, START + 2 * SECOND),
    ]
    result = found(tmp_path, [*messages, *frames(15, later), (COMMANDS, later + 1, command(0.1, 0.2))])
    recording = load_recording(tmp_path / "bag", PROFILE)
    assert [len(segment.stamps_ns) for segment in result.segments] == [20, 20, 15]
    stamps = [recording.stamps_ns[episode].tolist() for episode in recording.episodes]
    assert [segment.stamps_ns.tolist() for segment in result.segments] == stamps
    segment = result.segments[2]
    assert (segment.start_ns, segment.end_ns) == (later, later + 15 * PERIOD)
    assert segment.frame_at(later + 3 * PERIOD - 5) == 3
    assert segment.frame_at(later + 99 * SECOND) == 14
    assert (result.camera, result.commands, result.state) == ("/image", COMMANDS, None)


def test_frames_keep_the_age_they_had_when_they_were_recorded(tmp_path):
    (segment,) = found(tmp_path, frames(20, late=30_000_000)).segments
    assert segment.start_ns - segment.stamps_ns[0] == 30_000_000


def test_frames_on_another_clock_are_played_on_theirs_and_that_is_said(tmp_path):
    result = found(tmp_path, frames(20, late=1000 * SECOND))
    assert result.segments[0].start_ns == START
    assert "stamped -1000.0 s off the recorder's clock" in result.notes[0]


def test_short_episodes_and_missing_commands_are_told(tmp_path):
    result = found(tmp_path, [*frames(20), marker(START + 2 * SECOND), *frames(5, START + 3 * SECOND)])
    assert len(result.segments) == 1
    assert "left out 1 episodes shorter than 1 s" in result.notes
    assert any(
        "no operator's commands on joint_velocity_controller/commands" in note for note in result.notes
    )


def test_a_cut_mcap_is_played_as_far_as_it_goes(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, 36_000).astype(np.uint8)
    messages = [(topic, at, image(at, 0, 4000, data=pixels)) for topic, at, _ in frames(100)]
    file = write_bag(tmp_path / "bag", messages) / "bag.mcap"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    result = survey(Bag(tmp_path / "bag"), PROFILE)
    assert 20 <= len(result.segments[0].stamps_ns) < 60
    assert "bag.mcap is cut off" in result.notes[0]
    bag, since = Bag(tmp_path / "bag"), int(result.segments[0].log_ns[7])
    first = next(bag.encoded({"/image"}, since_ns=since))
    assert (first.log_ns, stamp_of(first.data)) == (since, since)


@pytest.mark.parametrize(
    ("messages", "said"),
    [
        ([(COMMANDS, START, command(0.1, 0.2))], "has no camera topic image or image/compressed (profile arm"),
        ([("/image", START + k, image(0)) for k in range(20)], "no frame on /image has a stamp"),
        (frames(1), "1 frames on /image, which is nothing to play"),
        (frames(5), "no episode is 1 s long (5 frames in 1 episodes"),
        ([*frames(20), ("/joint_velocity_controller/commands", START, blank("rosbags", "geometry_msgs/msg/Twist"))],
         "is geometry_msgs/msg/Twist, but profile arm says command.type std_msgs/msg/Float64MultiArray"),
    ],
)  # fmt: skip
def test_bags_that_cannot_be_played_say_why(tmp_path, messages, said):
    with pytest.raises(RecordingError) as error:
        found(tmp_path, messages)
    assert said in str(error.value)


def test_a_fault_needs_an_episode_that_goes_on_after_it(tmp_path):
    segments = found(tmp_path, frames(40)).segments
    assert select_episode(Fault("dead", 1.0, 1.5), segments) is segments[0]
    for fault, said in (
        (Fault("dead", 2.0, 1.5), "the longest episode has 4.0 s: end it earlier"),
        (Fault("dead", 1.0, 1.0, episode=3), "the bag has no episode 3 to play; it has 0"),
        (Fault("clock_jump", 1.0, 1.0, by_s=-9.0), "time before 0 does not exist"),
    ):
        with pytest.raises(FaultError, match=said):
            select_episode(fault, segments)
