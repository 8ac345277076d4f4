"""In-process ROS tests: real rclpy and DDS, seen by nobody else on the machine."""

from importlib.util import find_spec

import pytest

if find_spec("rclpy") is None:
    collect_ignore_glob = ["test_*.py"]


def pytest_report_header():
    return None if find_spec("rclpy") else "test/ros is left out: no rclpy (make venv, or source a ROS 2)"


@pytest.fixture
def ros(monkeypatch):
    """A hermetic context (no discovery beyond this process) with an executor the test spins."""
    from ros_harness import Ros

    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "OFF")
    harness = Ros()
    yield harness
    harness.close()


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    """Folder of a model of random weights for the embedded arm."""
    from checkpoint_harness import write_checkpoint

    from wm_ros.robots.profile import load_profile

    return write_checkpoint(tmp_path_factory.mktemp("checkpoint"), load_profile("arm"))
