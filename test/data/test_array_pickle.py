"""Arrays out of a pickle that is never run: all that NumPy writes comes back, all else is refused by its name."""

import os
import pickle

import numpy as np
import pytest

from wm_ros.data.array_pickle import ForeignPickleError, read_arrays
from wm_ros.data.recording import RecordingError

ARRAYS = (
    np.random.default_rng(0).normal(size=(7, 2)),
    np.asfortranarray(np.random.default_rng(1).normal(size=(7, 2))),
    np.random.default_rng(2).normal(size=5).astype(">f4"),
    np.arange(300, dtype=np.int16),
    np.zeros(0),
    np.array(3.5),
)


class Trap:
    """Unpickled, it writes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def written(tmp_path, content, protocol=None):
    path = tmp_path / "traj_data.pkl"
    path.write_bytes(content if isinstance(content, bytes) else pickle.dumps(content, protocol))
    return path


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_what_numpy_writes_comes_back(tmp_path, protocol):
    arrays = {str(number): array for number, array in enumerate(ARRAYS) if protocol > 2 or array.size}
    found = read_arrays(written(tmp_path, arrays, protocol))
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype.newbyteorder("=") == array.dtype.newbyteorder("=")


def test_arrays_that_share_their_parts_come_back(tmp_path):
    same = np.arange(4.0)
    found = read_arrays(written(tmp_path, {"position": same, "yaw": same}))
    np.testing.assert_array_equal(found["yaw"], same)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("within", ["alone", "in an entry", "in an array"])
def test_code_is_refused_by_its_name_and_not_run(tmp_path, protocol, within):
    trap = Trap(tmp_path / "caught")
    content = {
        "alone": trap,
        "in an entry": {"position": np.zeros((2, 2)), "yaw": trap},
        "in an array": {"position": np.array([trap], dtype=object)},
    }[within]
    path = written(tmp_path, content, protocol)
    with pytest.raises(ForeignPickleError) as refused:
        read_arrays(path)
    assert str(path) in str(refused.value)
    if within != "in an array":
        assert "mkdir, and only NumPy arrays are read: nothing of this file was run" in str(refused.value)
    assert not (tmp_path / "caught").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"yaw": [1.0, 2.0]}, "save its entries as arrays of numbers"),
        ({"yaw": np.array(["a"])}, "array of type 'U1' is not read"),
        ({"yaw": np.array([None], dtype=object)}, "nothing else is read"),
        ({"yaw": 3}, "entry 'yaw' is no NumPy array"),
        ({1: np.zeros(2)}, "no dictionary of arrays by name"),
        (np.zeros(2), "no dictionary of arrays by name"),
    ],
)
def test_anything_but_arrays_of_numbers_is_refused(tmp_path, content, said):
    with pytest.raises(ForeignPickleError, match=said):
        read_arrays(written(tmp_path, content))


@pytest.mark.parametrize("content", [b"", b"no pickle", pickle.dumps({"yaw": np.zeros(9)})[:-20]])
def test_a_damaged_file_is_said_to_be_one(tmp_path, content):
    with pytest.raises(RecordingError, match=r"is damaged, or no pickle|holds more than"):
        read_arrays(written(tmp_path, content))


def test_a_file_of_many_instructions_or_bytes_is_refused(tmp_path, monkeypatch):
    many = {str(number): np.zeros(1) for number in range(2000)}
    with pytest.raises(ForeignPickleError, match="more than 10000 instructions"):
        read_arrays(written(tmp_path, many))
    monkeypatch.setattr("wm_ros.data.array_pickle.LARGEST", 100)
    with pytest.raises(RecordingError, match="is it the right file"):
        read_arrays(written(tmp_path, {"yaw": np.zeros(50)}))


def test_whatever_is_changed_in_a_file_gives_arrays_or_an_error_of_ours(tmp_path):
    whole = bytearray(pickle.dumps({"position": np.arange(6.0).reshape(3, 2), "yaw": np.arange(3.0)}))
    draw, refused = np.random.default_rng(0), 0
    for _ in range(300):
        damaged = bytearray(whole)
        for at in draw.integers(0, len(whole), draw.integers(1, 4)):
            damaged[at] = draw.integers(0, 256)
        try:
            found = read_arrays(written(tmp_path, bytes(damaged)))
        except RecordingError:
            refused += 1
        else:
            assert all(array.dtype.kind in "biuf" for array in found.values())
    assert refused > 75
