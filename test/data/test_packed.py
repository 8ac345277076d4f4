"""A recording in one file that travels: what is unpacked is what was packed."""

import numpy as np
import pytest
from small_bag import record_small_bag

from wm_ros.data.load import load_recording
from wm_ros.data.packed import pack, unpack
from wm_ros.data.recording import RecordingError
from wm_ros.robots.profile import load_profile


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    bag = record_small_bag(tmp_path_factory.mktemp("packed"))
    return load_recording(bag, load_profile("arm"), frame_size=64)


def test_a_recording_comes_back_as_it_was(recording, tmp_path):
    path = tmp_path / "recording.npz"
    assert pack(recording, path, 60.0) == len(recording.episodes) == 4
    found = unpack(path)
    assert found.profile == recording.profile
    assert found.episodes == recording.episodes
    np.testing.assert_array_equal(found.frames, recording.frames)
    np.testing.assert_array_equal(found.stamps_ns, recording.stamps_ns)
    np.testing.assert_array_equal(found.step_actions, recording.step_actions)
    assert np.nanstd(found.step_actions) > 0.1
    assert path.stat().st_size < 0.3 * recording.frames.nbytes


def test_as_many_episodes_are_kept_as_fit(recording, tmp_path):
    path = tmp_path / "recording.npz"
    pack(recording, path, 60.0)
    whole_mb = path.stat().st_size / 1e6
    kept = pack(recording, path, 0.9 * whole_mb)
    assert kept == 3
    assert path.stat().st_size <= 0.9e6 * whole_mb
    found, end = unpack(path), recording.episodes[2].stop
    assert found.episodes == recording.episodes[:3]
    np.testing.assert_array_equal(found.step_actions, recording.step_actions[:end])
    with pytest.raises(RecordingError, match=r"two episodes take more than 0\.001 MB"):
        pack(recording, path, 0.001)


def test_another_file_is_refused(tmp_path):
    path = tmp_path / "recording.npz"
    np.savez(path, frames=np.zeros(3))
    for content in (path.read_bytes(), b"", b"not a zip"):
        path.write_bytes(content)
        with pytest.raises(RecordingError, match=r"is no packed recording .* `wm_ros bench pack`"):
            unpack(path)
