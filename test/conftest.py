"""What must be set before any test imports rclpy or torch."""

import os
import sys
import tempfile
from importlib.util import find_spec

import pytest

# Messages check their fields only when asked, and without this a misspelt field passes silently.
os.environ["ROS_PYTHON_CHECK_FIELDS"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"
_logs = tempfile.TemporaryDirectory(prefix="wm_ros_test_logs_")
os.environ["ROS_LOG_DIR"] = _logs.name


# Rooms whose tests take longest: begun first, so that both workers end at about the same time.
SLOWEST = ("bench", "processes", "evaluation", "training")


def pytest_collection_modifyitems(items):
    items.sort(
        key=lambda item: SLOWEST.index(room) if (room := item.path.parent.name) in SLOWEST else len(SLOWEST)
    )


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
