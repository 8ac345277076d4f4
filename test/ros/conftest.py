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
