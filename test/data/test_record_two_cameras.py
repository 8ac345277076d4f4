"""Recordings of two cameras: bags and LeRobot sets, their frames paired by stamp, and what cannot be paired."""

import json
from dataclasses import replace

import numpy as np
import pytest
from bag_makers import PERIOD, SECOND, frames, held, image, write_bag
from two_cameras import two_cameras

from wm_ros.data.bag_messages import Bag
from wm_ros.data.bag_topics import TopicError
from wm_ros.data.bag_writer import BagWriter
from wm_ros.data.describe import describe
from wm_ros.data.load import load_recording
from wm_ros.data.recording import RecordingError
from wm_ros.data.segments import survey
from wm_ros.robots.profile import load_profile

PROFILE = two_cameras()
COUNT, START = 30, 5 * SECOND
TOP, SIDE = "/top/image", "/side/image"


def bag_of(path, *cameras):
    """Frames of (topic, ns after the start, grey of the first), and commands."""
    messages = held(START, 5 * COUNT, 0.5, -0.2)
    for topic, late_ns, grey in cameras:
        stamps = [START + late_ns + k * PERIOD for k in range(COUNT)]
        messages += [(topic, stamp, image(stamp, grey + k)) for k, stamp in enumerate(stamps)]
    return write_bag(path, sorted(messages, key=lambda one: one[1]))


def greys(recording):
    """Of each frame the grey of both halves."""
    halves = np.split(recording.frames, 2, axis=2)
    assert all((half == half[:, :1, :1]).all() for half in halves)
    return np.stack([half[:, 0, 0, 0] for half in halves], axis=1)


@pytest.mark.parametrize("late_ns", [0, 40_000_000, -40_000_000])
def test_frames_of_a_moment_are_side_by_side_and_as_old_as_the_oldest(tmp_path, late_ns):
    bag = bag_of(tmp_path / "bag", (TOP, 0, 0), (SIDE, late_ns, 100))
    recording = load_recording(bag, PROFILE)
    assert recording.frames.shape == (COUNT, 3, 6, 3)
    numbers = np.arange(COUNT)
    np.testing.assert_array_equal(greys(recording), np.stack([numbers, 100 + numbers], axis=1))
    np.testing.assert_array_equal(recording.stamps_ns, START + min(late_ns, 0) + numbers * PERIOD)
    assert recording.topics[0].camera == f"{TOP}, {SIDE}"
    assert describe(recording)["camera"] == f"{TOP}, {SIDE}"
    assert not [note for note in recording.notes if "partner" in note]


def test_frames_without_a_partner_are_left_out_and_counted(tmp_path):
    fast = [(TOP, START + k * PERIOD // 2, image(START + k * PERIOD // 2, k)) for k in range(2 * COUNT)]
    bag = write_bag(tmp_path / "bag", fast + frames(COUNT, START, topic=SIDE) + held(START, 150, 0.5, 0.1))
    recording = load_recording(bag, PROFILE)
    assert len(recording.frames) == COUNT
    assert any("frames on /top/image have no partner of their own" in note for note in recording.notes)


def test_a_recording_that_lacks_a_camera_is_refused(tmp_path):
    bag = bag_of(tmp_path / "bag", (TOP, 0, 0))
    with pytest.raises(RecordingError, match=r"no camera topic side/image .*topic of camera side"):
        load_recording(bag, PROFILE)
    with pytest.raises(RecordingError, match="no camera topic side/image"):
        survey(Bag(bag), PROFILE)


def test_cameras_whose_clocks_differ_are_refused_unless_the_time_of_recording_counts(tmp_path):
    messages = frames(COUNT, START, topic=TOP) + held(START, 150, 0.5, 0.1)
    messages += [(SIDE, log, image(log + 7 * SECOND, 100)) for _, log, _ in frames(COUNT, START)]
    bag = write_bag(tmp_path / "bag", messages)
    with pytest.raises(
        RecordingError, match=r"stamped within 0\.05 s of each other \(model\.frame_tolerance_s"
    ):
        load_recording(bag, PROFILE)
    assert len(load_recording(bag, PROFILE, stamps="log").frames) == COUNT


def test_topics_of_all_cameras_can_be_asked_for(tmp_path):
    bag = bag_of(tmp_path / "bag", ("/a/image", 0, 0), ("/b/image", 0, 100))
    assert (greys(load_recording(bag, PROFILE, camera="b/image,a/image"))[:, 0] >= 100).all()
    with pytest.raises(TopicError, match="names 1 topics, and robot arm_two_cameras has 2 cameras"):
        load_recording(bag, PROFILE, camera="a/image")
    with pytest.raises(TopicError, match="one topic for two cameras"):
        load_recording(bag, PROFILE, camera="a/image,a/image")


def test_frame_size_is_that_of_each_camera(tmp_path):
    with BagWriter(tmp_path / "bag", PROFILE) as bag:
        for number in range(4):
            stamp = START + number * PERIOD
            bag.image(
                stamp, np.repeat([10, 200], 32)[None, :, None].repeat(32, 0).repeat(3, 2).astype(np.uint8)
            )
            bag.command(stamp, np.array([0.1, 0.2]))
    recording = load_recording(tmp_path / "bag", PROFILE, frame_size=16)
    assert recording.frames.shape == (4, 16, 32, 3)
    np.testing.assert_array_equal(greys(recording), [[10, 200]] * 4)


def test_videos_have_one_camera(tmp_path):
    pytest.importorskip("av")
    from video_makers import greys as pictures
    from video_makers import write_video

    write_video(tmp_path / "run.mp4", pictures(20))
    with pytest.raises(
        RecordingError, match=r"videos, of one camera each, and robot arm_two_cameras has 2 \(top, side\)"
    ):
        load_recording(tmp_path / "run.mp4", PROFILE)


class TestLeRobot:
    """Both ways."""

    @pytest.fixture(scope="class")
    def exported(self, tmp_path_factory):
        for name in ("av", "mujoco", "pyarrow"):
            pytest.importorskip(name)
        from wm_ros.data.lerobot_export import ExportOptions, export_lerobot
        from wm_ros.tasks.record import record_sim

        folder = tmp_path_factory.mktemp("two")
        record_sim(PROFILE, folder / "bag", episodes=2, seconds=2.5)
        assert export_lerobot([folder / "bag"], PROFILE, folder / "set", ExportOptions()) == []
        return folder

    def test_a_set_has_each_camera_and_comes_back(self, exported):
        info = json.loads((exported / "set/meta/info.json").read_text())
        cameras = [name for name in info["features"] if name.startswith("observation.images.")]
        assert cameras == ["observation.images.top", "observation.images.side"]
        assert all(info["features"][name]["shape"] == [64, 64, 3] for name in cameras)
        stats = json.loads((exported / "set/meta/stats.json").read_text())
        assert set(cameras) < set(stats)
        bag, back = (load_recording(exported / name, PROFILE) for name in ("bag", "set"))
        assert back.frames.shape == bag.frames.shape == (len(bag.frames), 64, 128, 3)
        off = np.abs(back.frames.astype(int) - bag.frames)
        assert off.mean() < 4.0
        swapped = np.concatenate(np.split(bag.frames, 2, axis=2)[::-1], axis=2)
        assert np.abs(swapped.astype(int) - back.frames).mean() > 4 * off.mean()

    def test_one_camera_of_it_is_read_with_a_profile_of_one(self, exported):
        one = replace(load_profile("arm"), camera=replace(load_profile("arm").camera, topic="side"))
        assert load_recording(exported / "set", one).frames.shape[1:] == (64, 64, 3)

    def test_a_camera_that_the_set_lacks_is_named(self, exported):
        other = replace(PROFILE, other_cameras=(replace(PROFILE.other_cameras[0], name="wrist"),))
        with pytest.raises(RecordingError, match=r"no camera 'wrist'; it has observation\.images\.top"):
            load_recording(exported / "set", other)
        asked = load_recording(exported / "set", other, camera="top,side")
        assert asked.frames.shape[2] == 128

    def test_an_episode_without_one_of_its_videos_is_left_out(self, exported):
        video = exported / "set/videos/observation.images.side/chunk-000/file-000.mp4"
        hidden = video.rename(video.with_suffix(".hidden"))
        try:
            with pytest.raises(RecordingError, match=r"left out 2 episodes: there is no .*images\.side"):
                load_recording(exported / "set", PROFILE)
        finally:
            hidden.rename(video)
