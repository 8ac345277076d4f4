"""Bags become LeRobot datasets and come back the same: episodes, actions, states and nearly the same pictures."""

import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("av")
pytest.importorskip("mujoco")
pytest.importorskip("pyarrow")

import av
import pyarrow.parquet as pq
from bag_makers import COMMANDS, PERIOD, SECOND, command, frames, held, image, write_bag
from message_kinds import blank

from wm_ros.data.bag_messages import Bag
from wm_ros.data.bag_writer import BagWriter
from wm_ros.data.lerobot_export import ExportOptions, export_lerobot
from wm_ros.data.lerobot_meta import SetContent
from wm_ros.data.lerobot_writer import LeRobotWriter
from wm_ros.data.load import load_recording
from wm_ros.data.recording import RecordingError
from wm_ros.messages.state import read_state
from wm_ros.robots.components import State
from wm_ros.robots.profile import load_profile
from wm_ros.tasks.record import record_sim

ARM = load_profile("arm")
STATELESS = replace(ARM, state=None)


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "bag"
    record_sim(ARM, path, episodes=3, seconds=2.5, seed=4)
    return path


@pytest.fixture(scope="module")
def exported(bag):
    out = bag.with_name("set")
    assert export_lerobot([bag], ARM, out, ExportOptions(task="reach")) == []
    return out


def table(root):
    return pq.read_table(root / "data/chunk-000/file-000.parquet")


def info(root):
    return json.loads((root / "meta/info.json").read_text())


def small_bag(path, messages):
    """A bag of pictures of even size, which a video needs."""
    for _, _, message in messages:
        if hasattr(message, "encoding"):
            value = int(message.data[0])
            message.height, message.width, message.step = 32, 48, 144
            message.data = np.full(32 * 144, value, np.uint8)
    return write_bag(path, sorted(messages, key=lambda entry: entry[1]))


def greys(root):
    frames = load_recording(root, ARM).frames
    return frames.reshape(len(frames), -1).mean(axis=1)


# There and back.


def test_episodes_actions_and_pictures_come_back(bag, exported):
    before, after = load_recording(bag, ARM), load_recording(exported, ARM)
    assert before.episodes == after.episodes
    assert len(before.episodes) == 3
    assert after.notes == ()
    clips = before.clips(2)
    np.testing.assert_array_equal(clips, after.clips(2))
    np.testing.assert_allclose(after.actions(clips), before.actions(clips), atol=2e-6)
    for episode in before.episodes:
        steps = np.diff(before.stamps_ns[episode]) - np.diff(after.stamps_ns[episode])
        assert np.abs(steps).max() < 1000
    errors = np.abs(before.frames.astype(int) - after.frames)
    assert errors.mean() < 5.0  # colours have half the resolution
    greyed = np.abs(before.frames.mean(axis=3) - after.frames.mean(axis=3))
    assert greyed.mean() < 3.0
    # Each is nearer to its own frame than to those beside it.
    wrong = np.abs(before.frames[1:].astype(int) - after.frames[:-1]).mean(axis=(1, 2, 3))
    moving = np.abs(np.diff(before.frames.astype(int), axis=0)).mean(axis=(1, 2, 3)) > 1.0
    assert moving.sum() > 15
    assert (errors.mean(axis=(1, 2, 3))[:-1] < wrong)[moving].all()


def test_a_row_holds_the_state_measured_at_its_frame(bag, exported):
    messages = Bag(bag)
    states = {
        (one.message.header.stamp.sec, one.message.header.stamp.nanosec): read_state(one.message, ARM)
        for one in messages.messages(["/joint_states"])
    }
    stamps = [
        (one.message.header.stamp.sec, one.message.header.stamp.nanosec)
        for one in messages.messages(["/image"])
    ]
    expected = np.array([states[stamp] for stamp in stamps], dtype=np.float32)
    np.testing.assert_array_equal(np.array(table(exported)["observation.state"].to_pylist()), expected)


def test_what_the_metadata_say(exported):
    said, rows = info(exported), table(exported)
    assert said["codebase_version"] == "v3.0"
    assert (said["robot_type"], said["fps"], said["total_episodes"]) == ("arm", 10, 3)
    assert said["total_frames"] == len(rows)
    assert said["features"]["action"]["names"] == ["shoulder", "elbow"]
    assert said["features"]["action"]["info"]["units"] == ["rad/s", "rad/s"]
    assert said["features"]["observation.state"]["info"]["units"] == ["rad", "rad"]
    assert set(said["features"]) == {*rows.column_names, "observation.images.image"}
    np.testing.assert_array_equal(rows["index"].to_numpy(), np.arange(len(rows)))
    np.testing.assert_array_equal(
        rows["timestamp"].to_numpy(), (rows["frame_index"].to_numpy() / 10).astype(np.float32)
    )
    assert pq.read_table(exported / "meta/tasks.parquet")["task"].to_pylist() == ["reach"]
    with av.open(str(exported / "videos/observation.images.image/chunk-000/file-000.mp4")) as video:
        stream = video.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert stream.frames == len(rows)


def test_statistics_are_those_of_rows_and_pictures(bag, exported):
    stats = json.loads((exported / "meta/stats.json").read_text())
    actions = np.array(table(exported)["action"].to_pylist())
    for name, value in (("min", actions.min(0)), ("mean", actions.mean(0)), ("std", actions.std(0))):
        np.testing.assert_allclose(stats["action"][name], value, rtol=1e-5)
    np.testing.assert_allclose(stats["action"]["q90"], np.quantile(actions, 0.9, axis=0), rtol=1e-5)
    assert stats["action"]["count"] == [len(actions)]
    levels = load_recording(bag, ARM).frames / 255.0
    picture = stats["observation.images.image"]
    assert np.shape(picture["mean"]) == (3, 1, 1)
    np.testing.assert_allclose(np.ravel(picture["mean"]), levels.mean(axis=(0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(np.ravel(picture["std"]), levels.std(axis=(0, 1, 2)), rtol=1e-6)
    np.testing.assert_allclose(np.ravel(picture["max"]), levels.max(axis=(0, 1, 2)))
    np.testing.assert_allclose(np.ravel(picture["q50"]), np.median(levels, axis=(0, 1, 2)), atol=0.004)
    episodes = pq.read_table(exported / "meta/episodes/chunk-000/file-000.parquet").to_pylist()
    first = actions[: episodes[0]["length"]]
    np.testing.assert_allclose(episodes[0]["stats/action/max"], first.max(axis=0), rtol=1e-6)


def test_long_sets_are_cut_into_files_between_episodes(tmp_path):
    """At one row a second 1000 s are soon full."""
    content = SetContent("arm", 1, ("image",), (("shoulder", "rad/s"), ("elbow", "rad/s")), (), "reach")
    grey = np.arange(240, dtype=np.uint8)
    pictures = np.broadcast_to(grey[:, None, None, None], (240, 16, 16, 3))
    actions = [number + np.arange(240)[:, None] / 1000 * [1, -1] for number in range(5)]
    with LeRobotWriter(tmp_path / "set", content) as writer:
        for episode in actions:
            writer.add_episode(pictures, episode)
    videos = sorted((tmp_path / "set/videos").rglob("*.mp4"))
    assert [path.name for path in videos] == ["file-000.mp4", "file-001.mp4"]
    assert len(list((tmp_path / "set/data").rglob("*.parquet"))) == 2
    recording = load_recording(tmp_path / "set", replace(ARM, model_rate_hz=1.0))
    assert recording.notes == ()
    assert recording.episodes == tuple(slice(240 * number, 240 * number + 240) for number in range(5))
    np.testing.assert_allclose(recording.frames.mean(axis=(1, 2, 3)), np.tile(grey, 5), atol=1.5)
    np.testing.assert_allclose(recording.commands.vectors, np.concatenate(actions), atol=1e-6)


def test_a_single_component_is_a_plain_column(tmp_path):
    content = SetContent("lift", 10, ("image",), (("height", "m/s"),), (), "lift")
    with LeRobotWriter(tmp_path / "set", content) as writer:
        writer.add_episode(np.zeros((5, 16, 16, 3), np.uint8), np.arange(5.0)[:, None])
    assert table(tmp_path / "set")["action"].to_pylist() == [0.0, 1.0, 2.0, 3.0, 4.0]


# A robot that is told positions.


@pytest.mark.parametrize("actions_from", ["commands", "states"])
def test_targets_are_written_as_lerobot_counts_and_come_back_as_the_same_rates(tmp_path, actions_from):
    profile = replace(load_profile("arm_position"), actions_from=actions_from)
    record_sim(profile, tmp_path / "bag", episodes=2, seconds=2.5, seed=4)
    notes = export_lerobot([tmp_path / "bag"], profile, tmp_path / "set", ExportOptions())
    assert notes[1:] == ["bag: written as the positions themselves, in deg"]
    features = info(tmp_path / "set")["features"]
    assert features["action"]["info"]["units"] == ["deg", "deg"]
    assert features["observation.state"]["info"]["units"] == ["deg", "deg"]
    before, after = load_recording(tmp_path / "bag", profile), load_recording(tmp_path / "set", profile)
    assert before.episodes == after.episodes
    assert before.refusal == after.refusal == ""
    clips = before.clips(2)
    # Of the last row of an episode no rate is known.
    inner = clips[~np.isin(clips[:, 1], [episode.stop - 1 for episode in before.episodes])]
    assert np.abs(before.actions(inner)).max() > 0.1
    np.testing.assert_allclose(after.actions(inner), before.actions(inner), atol=2e-3)


def test_a_gripper_is_counted_from_closed_to_open(tmp_path):
    profile = load_profile("so101_position")
    with BagWriter(tmp_path / "bag", profile) as bag:
        bag.episode(10 * SECOND - 1, 0)
        for k in range(40):
            now_ns = 10 * SECOND + k * PERIOD
            bag.image(now_ns, np.full((32, 48, 3), k, np.uint8))
            joints = np.array([0.1, -0.2, 0.3, 0.4, 0.5]) * k / 40
            opening = 0.25 + 0.5 * k / 40
            gripper = -0.17 + opening * 1.92  # the joint's position
            bag.command(now_ns, np.array([*joints, opening]))
            bag.state(now_ns, np.array([*joints, gripper]), np.zeros(6))
    notes = export_lerobot([tmp_path / "bag"], profile, tmp_path / "set", ExportOptions())
    assert notes[1:] == ["bag: written as the positions themselves, in deg, 0..100"]
    k = np.arange(40)[:, None] / 40
    expected = np.hstack([np.rad2deg([[0.1, -0.2, 0.3, 0.4, 0.5]]) * k, 25 + 50 * k])
    for name in ("action", "observation.state"):
        np.testing.assert_allclose(np.array(table(tmp_path / "set")[name].to_pylist()), expected, atol=1e-4)
    assert info(tmp_path / "set")["features"]["action"]["info"]["units"] == ["deg"] * 5 + ["0..100"]


# Time.


def test_dropped_frames_keep_the_rows_in_time(tmp_path):
    """Rows are even; where the camera dropped a frame, what was seen last is seen again."""
    seen = [entry for entry in frames(20) if entry[2].data[0] not in (7, 8)]
    ramp = [(COMMANDS, 5 * SECOND + k * PERIOD, command(k / 100, 0.0)) for k in range(20)]
    bag = small_bag(tmp_path / "bag", seen + ramp)
    notes = export_lerobot([bag], STATELESS, tmp_path / "set", ExportOptions())
    assert notes == [
        "bag: laid on an even 10 Hz: 2 rows show the frame before again, and 0 frames are not used"
    ]
    expected = [6 if row in (7, 8) else row for row in range(20)]
    np.testing.assert_allclose(greys(tmp_path / "set"), expected, atol=1.0)
    np.testing.assert_allclose(
        np.array(table(tmp_path / "set")["action"].to_pylist())[:, 0], np.arange(20) / 100, atol=1e-6
    )
    assert "observation.state" not in info(tmp_path / "set")["features"]


def test_frames_that_come_unevenly_are_one_row_each(tmp_path):
    late = np.array([0.04, 0.0, 0.02, -0.03, 0.01] * 8)  # s; a period is 0.1
    unsteady = [
        ("/image", 5 * SECOND + k * PERIOD + int(s * 1e9), image(5 * SECOND + k * PERIOD + int(s * 1e9), k))
        for k, s in enumerate(late)
    ]
    bag = small_bag(tmp_path / "bag", unsteady + held(5 * SECOND, 200, 0.5, -0.5))
    assert export_lerobot([bag], STATELESS, tmp_path / "set", ExportOptions(fps=10)) == []
    np.testing.assert_allclose(greys(tmp_path / "set"), np.arange(40), atol=1.0)


def test_a_lower_rate_takes_the_frames_nearest_to_it_and_the_mean_command(tmp_path):
    ramp = [(COMMANDS, 5 * SECOND + k * PERIOD, command(k / 100, 0.0)) for k in range(31)]
    bag = small_bag(tmp_path / "bag", frames(31) + ramp)
    export_lerobot([bag], STATELESS, tmp_path / "set", ExportOptions(fps=2))
    np.testing.assert_allclose(greys(tmp_path / "set"), [0, 5, 10, 15, 20, 25, 30], atol=1.0)
    actions = np.array(table(tmp_path / "set")["action"].to_pylist())[:, 0]
    np.testing.assert_allclose(actions[:-1], (np.arange(6) * 5 + 2.0) / 100, atol=1e-6)


# What is left out, and refused.


def test_episodes_whose_state_is_not_known_are_left_out(tmp_path):
    with BagWriter(tmp_path / "bag", ARM) as bag:
        for episode in range(2):
            start_ns = (10 + 20 * episode) * SECOND
            bag.episode(start_ns - 1, episode)
            for k in range(20):
                now_ns = start_ns + k * PERIOD
                bag.image(now_ns, np.full((32, 48, 3), k, np.uint8))
                bag.command(now_ns, np.array([0.1, 0.2]))
                if episode == 0 or k < 10:
                    bag.state(now_ns, np.array([k, -k]), np.zeros(2))
    notes = export_lerobot([tmp_path / "bag"], ARM, tmp_path / "set", ExportOptions())
    assert notes == ["bag: left out 1 episodes with rows whose state is not known within 0.5 s"]
    states = np.array(table(tmp_path / "set")["observation.state"].to_pylist())
    np.testing.assert_array_equal(states, np.arange(20)[:, None] * [1, -1])


def test_a_measured_pose_is_a_state(tmp_path):
    kind = "geometry_msgs/msg/PoseStamped"
    poses = []
    for k in range(20):
        now_ns = 5 * SECOND + k * PERIOD
        pose = blank("rosbags", kind)
        pose.header.stamp.sec, pose.header.stamp.nanosec = divmod(now_ns, SECOND)
        pose.pose.position.x, pose.pose.position.z = k / 10, -k / 10
        # A quaternion of length 0 is no pose; the one before is near enough.
        pose.pose.orientation.w = 0.0 if k == 7 else 1.0
        poses.append(("/pose", now_ns, pose))
    bag = small_bag(tmp_path / "bag", frames(20) + held(5 * SECOND, 100, 0.5, -0.5) + poses)
    profile = replace(ARM, state=State("pose", kind))
    notes = export_lerobot([bag], profile, tmp_path / "set", ExportOptions())
    assert notes == [
        "bag: left out 1 messages on /pose, without a stamp or without all of x, y, z, qw, qx, qy, qz"
    ]
    assert info(tmp_path / "set")["features"]["observation.state"]["names"] == [
        "x",
        "y",
        "z",
        "qw",
        "qx",
        "qy",
        "qz",
    ]
    states = np.array(table(tmp_path / "set")["observation.state"].to_pylist())
    np.testing.assert_allclose(states[9], [0.9, 0, -0.9, 1, 0, 0, 0], atol=1e-6)
    assert states[7, 0] in (np.float32(0.6), np.float32(0.8))


def test_a_bag_without_states_makes_a_set_without_and_says_so(tmp_path):
    bag = small_bag(tmp_path / "bag", frames(20) + held(5 * SECOND, 100, 0.5, -0.5))
    notes = export_lerobot([bag], ARM, tmp_path / "set", ExportOptions())
    assert notes == ["bag: no sensor_msgs/msg/JointState on joint_states: without observation.state"]
    assert "observation.state" not in info(tmp_path / "set")["features"]


def test_a_bag_without_commands_is_refused(tmp_path):
    bag = small_bag(tmp_path / "bag", frames(20))
    with pytest.raises(
        RecordingError, match=r"no episode can be written .* left out 1 episodes without commands"
    ):
        export_lerobot([bag], STATELESS, tmp_path / "set", ExportOptions())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bag"]


def test_pictures_of_odd_size_are_refused_with_what_helps(tmp_path):
    bag = write_bag(tmp_path / "bag", frames(20) + held(5 * SECOND, 100, 0.5, -0.5))
    with pytest.raises(
        RecordingError, match=r"pictures of 4x3 cannot be a video .* must be even; --frame-size N"
    ):
        export_lerobot([bag], STATELESS, tmp_path / "set", ExportOptions())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bag"]


def test_a_camera_too_slow_for_whole_rows_a_second_needs_a_rate(tmp_path):
    slow = frames(8, period=4 * SECOND) + held(5 * SECOND, 100, 0.5, -0.5)
    bag = small_bag(tmp_path / "bag", slow)
    with pytest.raises(RecordingError, match=r"the camera's rate is 0\.25 Hz: name one with --fps"):
        export_lerobot([bag], STATELESS, tmp_path / "set", ExportOptions())
    export_lerobot([bag], STATELESS, tmp_path / "set", ExportOptions(fps=1))
    np.testing.assert_allclose(greys(tmp_path / "set"), np.repeat(np.arange(8), 4)[:29], atol=1.0)


def test_bags_with_pictures_of_two_sizes_are_refused(bag, tmp_path):
    other = small_bag(tmp_path / "bag", frames(20) + held(5 * SECOND, 100, 0.5, -0.5))
    with pytest.raises(
        RecordingError, match="a picture of 48x32 after pictures of 64x64: a set has one size"
    ):
        export_lerobot([bag, other], STATELESS, tmp_path / "set", ExportOptions())
    export_lerobot([bag, other], STATELESS, tmp_path / "set", ExportOptions(frame_size=32))
    assert load_recording(tmp_path / "set", ARM).frames.shape[1:] == (32, 32, 3)


def test_what_is_no_bag_is_refused(exported, tmp_path):
    with pytest.raises(RecordingError, match="not a rosbag2 recording"):
        export_lerobot([exported], ARM, tmp_path / "set", ExportOptions())


def test_a_folder_that_exists_is_kept(bag, exported):
    with pytest.raises(RecordingError, match="set exists already"):
        export_lerobot([bag], ARM, exported, ExportOptions())
