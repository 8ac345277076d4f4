"""The real `lerobot` package loads what we write, frame by frame, and we read what it writes."""

import warnings

import av
import numpy as np
import pytest
from lerobot_package import lerobot_dataset

from wm_ros.data.lerobot_export import ExportOptions, export_lerobot
from wm_ros.data.load import load_recording
from wm_ros.robots.profile import load_profile

pytest.importorskip("mujoco")

PROFILES = ("arm", "rover", "pusher")
ARM = load_profile("arm")
LENGTHS = (12, 7, 9)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Opens a set as lerobot does, from disk alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setenv("HF_HOME", str(tmp_path_factory.mktemp("hub")))
        warnings.simplefilter("ignore")
        kind = lerobot_dataset()

        def opened(root, **options):
            return kind("local/set", root=root, video_backend="pyav", **options)

        opened.create = kind.create
        yield opened


def decoded(root):
    """All frames of a set with one video, by PyAV."""
    (video,) = root.glob("videos/*/*/*.mp4")
    with av.open(str(video)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


@pytest.mark.parametrize("name", PROFILES)
def test_lerobot_loads_what_we_write(dataset, tmp_path, name):
    from wm_ros.tasks.record import record_sim

    profile = load_profile(name)
    record_sim(profile, tmp_path / "bag", episodes=3, seconds=2.5, seed=1)
    export_lerobot([tmp_path / "bag"], profile, tmp_path / "set", ExportOptions(task="move about"))
    ours = load_recording(tmp_path / "bag", profile)
    theirs = dataset(tmp_path / "set")
    assert (theirs.num_episodes, theirs.num_frames, theirs.fps) == (3, len(ours.frames), 10)
    assert theirs.features["action"]["names"] == list(profile.names)
    pictures = decoded(tmp_path / "set")
    period_ns = 100_000_000
    key = "observation.images.image"
    for number, episode in enumerate(ours.episodes):
        ends = np.append(ours.stamps_ns[episode][1:], ours.stamps_ns[episode][-1] + period_ns)
        actions = ours.commands.mean(ours.stamps_ns[episode], ends).astype(np.float32)
        for row, index in enumerate(range(episode.start, episode.stop)):
            item = theirs[index]
            assert (item["episode_index"].item(), item["frame_index"].item()) == (number, row)
            assert item["index"].item() == index
            assert item["task"] == "move about"
            np.testing.assert_array_equal(item["action"].numpy(), actions[row])
            assert item["observation.state"].shape == (len(theirs.features["observation.state"]["names"]),)
            seen = np.rint(item[key].permute(1, 2, 0).numpy() * 255)
            np.testing.assert_array_equal(seen, pictures[index])
            assert np.abs(seen - ours.frames[index]).mean() < 6.0
    assert set(theirs.meta.stats) == set(theirs.features)
    assert theirs.meta.stats[key]["mean"].shape == (3, 1, 1)
    # As policies ask for it: some episodes, a frame before, actions ahead.
    times = {key: [-0.1, 0.0], "action": [0.0, 0.1, 0.2]}
    part = dataset(tmp_path / "set", episodes=[1], delta_timestamps=times)
    second = ours.episodes[1]
    assert len(part) == second.stop - second.start
    seen = np.rint(part[5][key].permute(0, 2, 3, 1).numpy() * 255)
    np.testing.assert_array_equal(seen, pictures[[second.start + 4, second.start + 5]])
    assert part[5]["action"].shape == (3, len(profile.names))


def test_lerobot_finds_each_frame_of_a_long_set(dataset, tmp_path):
    """It asks for times of 32 bits, and within 0.1 ms: a video of more than 1024 s would lack some of its frames."""
    from wm_ros.data.lerobot_meta import SetContent
    from wm_ros.data.lerobot_writer import LeRobotWriter

    content = SetContent("arm", 15, ("image",), (("shoulder", "rad/s"), ("elbow", "rad/s")), (), "move")
    length = 15 * 300
    grey = (np.arange(length) % 250).astype(np.uint8)
    pictures = np.broadcast_to(grey[:, None, None, None], (length, 16, 16, 3))
    with LeRobotWriter(tmp_path / "set", content) as writer:
        for _ in range(5):
            writer.add_episode(pictures, np.zeros((length, 2)))
    assert len(list((tmp_path / "set/videos").rglob("*.mp4"))) == 2
    theirs = dataset(tmp_path / "set")
    for episode in (2, 4):
        for row in range(256 * 15, length, 7):
            seen = theirs[episode * length + row]["observation.images.image"].mean().item() * 255
            assert abs(seen - grey[row]) < 2.0


@pytest.mark.parametrize("videos", [True, False])
def test_we_read_what_lerobot_writes(dataset, tmp_path, videos):
    """In its own codec, AV1, and as pictures in tables."""
    vector = {"dtype": "float32", "shape": (2,), "names": ["shoulder.pos", "elbow.pos"]}
    axes = ["height", "width", "channels"]
    features = {
        "observation.images.image": {
            "dtype": "video" if videos else "image",
            "shape": (64, 64, 3),
            "names": axes,
        },
        "observation.state": vector,
        "action": vector,
    }
    theirs = dataset.create(
        "local/set", 10, features, root=tmp_path / "set", robot_type="arm", use_videos=videos
    )
    for number, length in enumerate(LENGTHS):
        for row in range(length):
            action = np.array([number + row / 100, -row / 100], np.float32)
            picture = np.full((64, 64, 3), 80 * number + 8 * row, np.uint8)
            frame = {"observation.images.image": picture, "observation.state": action, "action": action}
            theirs.add_frame({**frame, "task": "move"})
        theirs.save_episode()
    theirs.finalize()
    recording = load_recording(tmp_path / "set", ARM)
    expected = [80 * number + 8 * row for number, length in enumerate(LENGTHS) for row in range(length)]
    np.testing.assert_allclose(recording.frames.mean(axis=(1, 2, 3)), expected, atol=3.9)
    assert recording.episodes == (slice(0, 12), slice(12, 19), slice(19, 28))
    np.testing.assert_allclose(recording.commands.vectors[13], [1.01, -0.01], atol=1e-6)
    assert len(recording.notes) == 1
    assert "shoulder.pos, elbow.pos of its action are taken" in recording.notes[0]
