"""Recording: bags that others can read and that survive a kill; a simulated set, bounded and repeatable."""

import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from rosbags.highlevel import AnyReader

from wm_ros.data.bag_messages import Bag
from wm_ros.data.bag_topics import recorded_topics
from wm_ros.data.bag_writer import BagWriter
from wm_ros.data.load import load_recording
from wm_ros.data.recording import RecordingError
from wm_ros.robots.profile import load_profile, profile_from_dict
from wm_ros.tasks.record import record_sim

pytest.importorskip("mujoco")
PERIOD_NS = 20_000_000


@pytest.fixture(scope="module")
def profile():
    return load_profile("arm")


@pytest.fixture(scope="module")
def simulated(profile, tmp_path_factory):
    path = tmp_path_factory.mktemp("record") / "bag"
    record_sim(profile, path, episodes=4, seconds=3.0, seed=3)
    return path


def messages(path):
    bag = Bag(path)
    return list(bag.messages(bag.topics))


def commands_by_episode(path):
    """Stamps and vectors of the commands of each episode."""
    episodes = []
    for topic, log_ns, message in messages(path):
        if topic == "/episode":
            episodes.append([])
        elif topic == "/joint_velocity_controller/commands":
            episodes[-1].append((log_ns, *message.data))
    return [np.array(episode) for episode in episodes]


# The simulated recording.


def test_the_same_seed_gives_the_same_messages(profile, simulated, tmp_path):
    record_sim(profile, tmp_path / "again", episodes=4, seconds=3.0, seed=3)
    first, again = messages(simulated), messages(tmp_path / "again")
    assert len(first) == len(again) > 4 * (30 + 150)
    for (topic, log_ns, message), (topic_again, log_again, message_again) in zip(first, again, strict=True):
        assert (topic, log_ns) == (topic_again, log_again)
        assert repr(message) == repr(message_again)
        np.testing.assert_array_equal(getattr(message, "data", 0), getattr(message_again, "data", 0))


def test_episodes_differ_in_scene_start_and_motion(profile, simulated):
    recording = load_recording(simulated, profile)
    assert len(recording.episodes) == 4
    starts = [recording.frames[episode.start].astype(int) for episode in recording.episodes]
    for number, start in enumerate(starts):
        for other in starts[:number]:
            assert np.abs(start - other).mean() > 2.0
    commands = [episode[:100, 1:] for episode in commands_by_episode(simulated)]
    assert not np.array_equal(commands[0], commands[1])


def test_recorded_commands_keep_every_limit_of_the_profile(profile, simulated):
    for episode in commands_by_episode(simulated):
        np.testing.assert_array_equal(np.diff(episode[:, 0]), PERIOD_NS)
        rates = np.vstack([np.zeros((1, 2)), episode[:, 1:]])
        assert (rates >= profile.low).all()
        assert (rates <= profile.high).all()
        assert (np.abs(np.diff(rates, axis=0)) <= profile.max_acceleration * 0.02 + 1e-9).all()
        assert np.abs(rates).max() > 0.2


def test_every_episode_ends_with_the_ramp_to_zero(simulated):
    for episode in commands_by_episode(simulated):
        assert not episode[-1, 1:].any()


def test_actions_explain_the_motion_of_the_joints(profile, simulated):
    """The mean command between two frames is the mean velocity of the joints, but for actuator lag."""
    recording = load_recording(simulated, profile)
    joints = [m.message for m in messages(simulated) if m.topic == "/joint_states"]
    stamps = np.array([m.header.stamp.sec * 10**9 + m.header.stamp.nanosec for m in joints])
    positions = np.array([m.position for m in joints])
    clips = recording.clips(2)
    at = np.searchsorted(stamps, recording.stamps_ns[clips])
    velocity = (positions[at[:, 1]] - positions[at[:, 0]]) / 0.2
    actions = recording.actions(clips)[:, 0]
    free = (np.abs(positions[at]) < np.array([1.55, 2.35])).all(axis=(1, 2))
    assert free.mean() > 0.3  # the rest lean against a joint limit, whatever is commanded
    residual = np.square(velocity - actions)[free].sum() / np.square(actions - actions.mean(0))[free].sum()
    assert residual < 0.05


def test_progress_is_reported_and_a_wrong_count_refused(profile, tmp_path):
    done = []
    record_sim(profile, tmp_path / "bag", episodes=2, seconds=0.5, progress=done.append)
    assert done == [1, 2]
    with pytest.raises(ValueError, match="episodes must lie in"):
        record_sim(profile, tmp_path / "none", episodes=0)


# The writer.


def test_others_read_the_bag_through_its_metadata(simulated):
    with AnyReader([simulated]) as reader:
        assert {connection.topic: connection.msgtype for connection in reader.connections} == {
            "/image": "sensor_msgs/msg/Image",
            "/joint_velocity_controller/commands": "std_msgs/msg/Float64MultiArray",
            "/episode": "std_msgs/msg/Int32",
            "/joint_states": "sensor_msgs/msg/JointState",
        }
        assert sum(1 for _ in reader.messages()) == reader.message_count == len(messages(simulated))
    metadata = (simulated / "metadata.yaml").read_text()
    assert "storage_identifier: mcap" in metadata
    assert "version: 8" in metadata


def test_chunks_are_compressed(simulated):
    frames = sum(m.message.data.nbytes for m in messages(simulated) if m.topic == "/image")
    assert (simulated / "bag.mcap").stat().st_size < frames / 4


def test_an_exception_while_recording_leaves_a_whole_bag(profile, tmp_path):
    def record():
        with BagWriter(tmp_path / "bag", profile) as bag:
            bag.image(10**9, np.zeros((4, 4, 3), np.uint8))
            raise RuntimeError("camera unplugged")

    with pytest.raises(RuntimeError, match="camera unplugged"):
        record()
    with AnyReader([tmp_path / "bag"]) as reader:
        assert reader.message_count == 1


def test_a_killed_recorder_loses_the_last_second_only(profile, tmp_path):
    code = """
        import sys, time
        import numpy as np
        from wm_ros.data.bag_writer import BagWriter
        from wm_ros.robots.profile import load_profile
        with BagWriter(sys.argv[1], load_profile("arm")) as bag:
            for number in range(50):
                bag.image(10**9 + number * 10**8, np.full((8, 8, 3), number, np.uint8))
            print("written", flush=True)
            time.sleep(60)
    """
    recorder = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "bag")],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert recorder.stdout.readline() == "written\n"
    os.kill(recorder.pid, signal.SIGKILL)
    recorder.wait()
    recorder.stdout.close()
    recording = load_recording(tmp_path / "bag", profile)
    assert len(recording.frames) >= 50 - 11
    assert (recording.frames[:, 0, 0, 0] == np.arange(len(recording.frames))).all()
    assert "cut off" in recording.notes[0]


def test_an_existing_folder_and_unknown_message_types_are_refused(profile, tmp_path):
    with pytest.raises(RecordingError, match="exists already"):
        BagWriter(tmp_path, profile)
    data = profile.to_dict()
    data["command"]["type"] = "my_msgs/msg/Drive"
    with pytest.raises(
        RecordingError, match=r"no definition of my_msgs/msg/Drive: record with `ros2 bag record`"
    ):
        BagWriter(tmp_path / "bag", profile_from_dict(data))


def test_a_namespace_goes_before_every_topic(profile, tmp_path):
    with BagWriter(tmp_path / "bag", profile, namespace="/robot") as bag:
        bag.command(10**9, np.array([0.1, 0.2]))
    assert Bag(tmp_path / "bag").topics["/robot/image"] == "sensor_msgs/msg/Image"


def test_a_compressed_camera_is_recorded_as_such(profile):
    data = profile.to_dict()
    data["camera"]["transport"] = "compressed"
    assert recorded_topics(profile_from_dict(data))["image/compressed"] == "sensor_msgs/msg/CompressedImage"
