"""What must be set before any test imports rclpy or torch."""

import os
import sys
import tempfile
from importlib.util import find_spec
from itertools import zip_longest

import pytest

# Messages check their fields only when asked, and without this a misspelt field passes silently.
os.environ["ROS_PYTHON_CHECK_FIELDS"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"
# Without byte code on disk, each of the hundreds of processes that tests start would compile the package anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
_logs = tempfile.TemporaryDirectory(prefix="wm_ros_test_logs_")
os.environ["ROS_LOG_DIR"] = _logs.name


# Rooms whose tests mostly wait for processes and timers, and the others that take longest; slowest first.
WAITING, COMPUTING = ("processes", "ros"), ("bench", "training", "evaluation", "models", "tasks")


def pytest_collection_modifyitems(items):
    """Files that wait and files that compute take turns, so that workers at the same time do both, on few cores."""
    files = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    turns = [], []
    for path, tests in files.items():
        room, waits = path.parent.name, path.parent.name in WAITING
        rooms = WAITING if waits else COMPUTING
        turns[not waits].append((rooms.index(room) if room in rooms else len(rooms), tests))
    for turn in turns:
        turn.sort(key=lambda file: file[0])
    pairs = zip_longest(*turns, fillvalue=(0, []))
    items[:] = [item for pair in pairs for _, tests in pair for item in tests]


@pytest.fixture(autouse=True)
def threads_stay():
    """A command that a test calls in this process sets torch's threads for itself alone: sums would differ after it."""
    yield
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)


if find_spec("hypothesis"):
    from hypothesis import settings

    # A busy machine is no failure; pytest-timeout catches what hangs.
    settings.register_profile("patient", deadline=None)
    settings.load_profile("patient")
