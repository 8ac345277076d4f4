"""Plain videos become episodes without commands, whatever the container, the rate and the state they are in."""

import numpy as np
import pytest

pytest.importorskip("av")
pytest.importorskip("pyarrow")

import av
from video_makers import greys, write_video

from wm_ros.data.load import load_recording
from wm_ros.data.recording import RecordingError
from wm_ros.robots.profile import load_profile

ARM = load_profile("arm")


def levels(recording):
    """The grey of each frame."""
    pixels = recording.frames.reshape(len(recording.frames), -1)
    assert np.ptp(pixels, axis=1).max() <= 4
    return pixels.mean(axis=1)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi", "webm", "mov", "ts"])
def test_every_container_gives_its_frames_in_order_and_time(tmp_path, suffix):
    recording = load_recording(write_video(tmp_path / f"clip.{suffix}", greys(20)), ARM)
    np.testing.assert_allclose(levels(recording), 5 * np.arange(20), atol=2)
    assert recording.frames.shape == (20, 32, 48, 3)
    np.testing.assert_allclose(np.diff(recording.stamps_ns), 1e8, rtol=1e-3)
    assert recording.episodes == (slice(0, 20),)
    assert recording.commands is None
    assert recording.notes == ()
    assert recording.sources == (
        f"clip.{suffix}: video, 20 frames of 48x32 at 10 Hz, 1 episodes, without commands",
    )


def test_what_it_is_decides_not_what_it_is_called(tmp_path):
    write_video(tmp_path / "clip.mp4", greys(5)).rename(tmp_path / "clip.dat")
    assert len(load_recording(tmp_path / "clip.dat", ARM).frames) == 5
    (tmp_path / "notes.mp4").write_text("no video at all")
    with pytest.raises(
        RecordingError, match=r"notes.mp4 is no recording: .* rosbag2 folder, .* a video, .* LeRobot"
    ):
        load_recording(tmp_path / "notes.mp4", ARM)


def test_frames_are_dated_by_their_own_stamps_and_a_pause_ends_an_episode(tmp_path):
    ticks = [0, 1, 2, 4, 5, 6, 16, 17, 18]
    recording = load_recording(write_video(tmp_path / "clip.mp4", greys(9), 10, ticks), ARM)
    np.testing.assert_array_equal(np.rint((recording.stamps_ns - recording.stamps_ns[0]) * 1e-8), ticks)
    assert recording.episodes == (slice(0, 6), slice(6, 9))
    assert "clip.mp4: 1 gaps or jumps" in recording.notes[0]
    np.testing.assert_array_equal(recording.clips(2), [[0, 2], [2, 3], [3, 5], [6, 8]])


def test_a_folder_gives_an_episode_for_each_video_and_names_what_is_none(tmp_path):
    for name in ("b", "a", "c"):
        write_video(tmp_path / "clips" / f"{name}.mkv", greys(6, first=ord(name)))
    (tmp_path / "clips" / "readme.txt").write_text("three clips")
    damaged = tmp_path / "clips" / "d.mp4"
    write_video(damaged, greys(6))
    damaged.write_bytes(damaged.read_bytes()[:200])
    recording = load_recording(tmp_path / "clips", ARM)
    assert recording.episodes == (slice(0, 6), slice(6, 12), slice(12, 18))
    np.testing.assert_allclose(levels(recording)[::6], [ord("a"), ord("b"), ord("c")], atol=2)
    assert len(recording.notes) == 1
    assert "clips: left out: " in recording.notes[0]
    assert "d.mp4 cannot be read as a video" in recording.notes[0]


def test_a_killed_recorder_s_mkv_is_read_as_far_as_it_goes(tmp_path):
    whole = write_video(tmp_path / "clip.mkv", greys(50, height=64), rate=5)
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    recording = load_recording(whole, ARM)
    assert 15 < len(recording.frames) < 35
    assert "clip.mkv is cut off: " in recording.notes[-1]
    assert "of 10.0 s are there" in recording.notes[-1]


def test_a_killed_recorder_s_mp4_is_told_to_be_lost(tmp_path):
    whole = write_video(tmp_path / "clip.mp4", greys(50))
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(
        RecordingError, match=r"clip\.mp4 cannot be read as a video: Invalid data .* an mkv is not"
    ):
        load_recording(whole, ARM)


@pytest.mark.parametrize(
    ("suffix", "said"), [("avi", "1 video packets: Invalid data"), ("mp4", "1 video frames that are damaged")]
)
def test_damaged_frames_are_left_out_and_counted(tmp_path, suffix, said):
    noise = np.random.default_rng(0).integers(0, 256, (40, 64, 64, 3)).astype(np.uint8)
    whole = write_video(tmp_path / f"clip.{suffix}", noise)
    data = bytearray(whole.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 100] = bytes(100)
    whole.write_bytes(data)
    recording = load_recording(whole, ARM)
    assert len(recording.frames) == 39
    assert f"clip.{suffix}: left out {said}" in recording.notes[0]


def test_a_video_of_more_pixels_than_the_limit_is_refused_by_its_header(tmp_path):
    path = write_video(tmp_path / "large.mkv", np.zeros((1, 4000, 4002, 3), np.uint8))
    with pytest.raises(RecordingError, match=r"4002 x 4000 = 16.0 megapixels, above the limit of 16"):
        load_recording(path, ARM)


def test_sound_alone_is_told_so(tmp_path):
    with av.open(str(tmp_path / "song.mkv"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
    with pytest.raises(RecordingError, match=r"song\.mkv holds no video"):
        load_recording(tmp_path / "song.mkv", ARM)
