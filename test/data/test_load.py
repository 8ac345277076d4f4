"""One door for all kinds of recorded data: mixed sources, mixed sizes, and a disk that is too small."""

import itertools
import subprocess
import sys
import textwrap
from collections import namedtuple

import numpy as np
import pytest

pytest.importorskip("av")
pytest.importorskip("pyarrow")

from bag_makers import SECOND, command, image, write_bag
from video_makers import greys, write_lerobot, write_video

from wm_ros.data import frame_cache
from wm_ros.data.load import load_recording
from wm_ros.data.recording import RecordingError
from wm_ros.robots.profile import load_profile

ARM = load_profile("arm")
PERIOD = SECOND // 10


def bag(path, count=10, width=4):
    messages = [
        ("/joint_velocity_controller/commands", k * PERIOD // 5, command(0.5, -0.5)) for k in range(5 * count)
    ]
    messages += [("/image", k * PERIOD, image(k * PERIOD, 10 * k, width)) for k in range(1, count + 1)]
    return write_bag(path, sorted(messages, key=lambda message: message[1]))


def test_bags_videos_and_datasets_become_one_recording(tmp_path):
    actions = [np.full((8, 2), rate) for rate in (0.1, 0.2)]
    recording = load_recording(
        [
            write_video(tmp_path / "clip.mp4", greys(12)),
            bag(tmp_path / "bag"),
            write_lerobot(tmp_path / "set", "v3.0", [greys(8), greys(8)], actions),
            write_video(tmp_path / "slow.mkv", greys(6), rate=2),
        ],
        ARM,
    )
    assert [episode.stop - episode.start for episode in recording.episodes] == [12, 10, 8, 8, 6]
    assert recording.unlabelled == (0, 4)
    assert recording.labelled_episodes.tolist() == [1, 2, 3]
    means = [recording.actions(recording.clips(2, [episode])).mean() for episode in (2, 3)]
    np.testing.assert_allclose(means, [0.1, 0.2], rtol=1e-3)
    for episode in (0, 4):
        with pytest.raises(ValueError, match=r"no commands .* with these clips"):
            recording.actions(
                np.array([[recording.episodes[episode].start, recording.episodes[episode].start + 1]])
            )
    kinds = [line.split(": ")[1].partition(",")[0] for line in recording.sources]
    assert kinds == ["video", "bag", "LeRobot v3.0 set", "video"]
    # No source runs into the next one.
    edges = [(recording.stamps_ns[e.start], recording.stamps_ns[e.stop - 1]) for e in recording.episodes]
    assert all(later[0] - earlier[1] >= 10 * SECOND for earlier, later in itertools.pairwise(edges))


# Sizes.


def test_one_resolution_stays_as_recorded(tmp_path):
    paths = [write_video(tmp_path / f"{name}.mkv", greys(4)) for name in "ab"]
    recording = load_recording(paths, ARM)
    assert recording.frames.shape == (8, 32, 48, 3)
    assert recording.notes == ()


def test_other_resolutions_meet_at_the_centre_square_of_the_smallest(tmp_path):
    striped = np.zeros((4, 64, 128, 3), np.uint8)
    striped[:, :, 32:96] = 200  # the centre square, and a part of what must be averaged over
    striped[:, ::2] //= 2
    paths = [write_video(tmp_path / "a.mkv", striped), write_video(tmp_path / "b.mkv", greys(4))]
    recording = load_recording(paths, ARM)
    assert recording.frames.shape == (8, 32, 32, 3)
    np.testing.assert_allclose(recording.frames[:4], 150, atol=3)
    assert recording.notes == (
        "frames of 48x32, 128x64 are cropped to the centre square and shrunk to 32x32",
    )


def test_a_frame_size_shrinks_and_never_enlarges(tmp_path):
    video = write_video(tmp_path / "a.mkv", greys(4))
    assert load_recording(video, ARM, frame_size=16).frames.shape == (4, 16, 16, 3)
    assert load_recording(video, ARM, frame_size=512).frames.shape == (4, 32, 32, 3)


def test_a_change_of_resolution_within_a_bag_is_refused_even_so(tmp_path):
    messages = [("/image", k * PERIOD, image(k * PERIOD, width=4 if k < 3 else 8)) for k in range(1, 6)]
    with pytest.raises(RecordingError, match="cut: frame 2 is 8x3 after frames of 4x3"):
        load_recording(write_bag(tmp_path / "cut", messages), ARM, frame_size=16)


# Disk.


def test_a_disk_too_small_is_told_before_it_is_filled(tmp_path, monkeypatch):
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(frame_cache.shutil, "disk_usage", lambda folder: usage(90_000))
    video = write_video(tmp_path / "clip.mp4", greys(20))
    with pytest.raises(RecordingError) as told:
        load_recording(video, ARM, cache_dir=tmp_path)
    for word in (
        f"20 frames of 48x32 need 9.22e-05 GB in {tmp_path}",
        "9e-05 GB free",
        "--cache-dir",
        "TMPDIR",
    ):
        assert word in str(told.value)
    assert [entry.name for entry in tmp_path.iterdir()] == ["clip.mp4"]


def test_a_disk_that_fills_up_is_told_and_nothing_stays_behind(tmp_path):
    write_video(tmp_path / "clip.mkv", greys(50))
    code = """
        import resource, sys
        from wm_ros.data.load import load_recording
        from wm_ros.robots.profile import load_profile
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            load_recording(sys.argv[1] + "/clip.mkv", load_profile("arm"), cache_dir=sys.argv[1])
        except Exception as error:
            print(type(error).__name__, error)
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.startswith("RecordingError"), done.stderr
    assert f"{tmp_path}, and it was full after 21 frames" in done.stdout
    assert [entry.name for entry in tmp_path.iterdir()] == ["clip.mkv"]


def test_a_cache_folder_that_is_not_there_is_told(tmp_path):
    video = write_video(tmp_path / "clip.mp4", greys(4))
    with pytest.raises(
        RecordingError, match=r"no frames can be kept in .*nowhere: No such file .* --cache-dir"
    ):
        load_recording(video, ARM, cache_dir=tmp_path / "nowhere")


def test_frames_are_never_all_in_memory(tmp_path):
    """A video of 120 MB of pixels, decoded with less than 60 MB more than the program itself takes."""
    write_video(tmp_path / "clip.mp4", np.broadcast_to(greys(1, height=400, width=400), (250, 400, 400, 3)))
    code = """
        import resource, sys
        import av, cv2
        from wm_ros.data.load import load_recording
        from wm_ros.data import videos
        from wm_ros.robots.profile import load_profile
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        recording = load_recording(sys.argv[1], load_profile("arm"))
        print(recording.frames.nbytes >> 20, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before >> 10)
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "clip.mp4")]
    done = subprocess.run(command, capture_output=True, text=True)
    size, grown = map(int, done.stdout.split())
    assert size == 114
    assert grown < 60
