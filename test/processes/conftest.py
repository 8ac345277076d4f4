"""Multi-process ROS tests: real executables on a domain of their own, seen from this machine only."""

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

if find_spec("rclpy") is None:
    collect_ignore_glob = ["test_*.py"]
else:
    # Fast DDS reads its profile when a process makes its first participant, so before any test does.
    from wm_ros.ros.process import use_fastdds_profile

    use_fastdds_profile()


def pytest_report_header():
    return (
        None if find_spec("rclpy") else "test/processes is left out: no rclpy (make venv, or source a ROS 2)"
    )


@pytest.fixture
def domain():
    """A ROS domain no other test run on this machine uses, for this process and its children."""
    from process_harness import private_domain

    with private_domain() as number:
        yield number


@pytest.fixture
def ros(domain):
    """The test's own context on the domain, with an executor the test spins."""
    from ros_harness import Ros

    harness = Ros()
    yield harness
    harness.close()


@pytest.fixture
def processes(domain, tmp_path):
    """Starts node executables; whatever is left at the end is stopped."""
    from process_harness import Processes

    started = Processes(tmp_path)
    yield started
    started.close()


@pytest.fixture
def command(domain, tmp_path):
    """Starts `wm_ros ...` in tmp_path, as a user would; what is left at the end is killed."""
    running = []

    def start(*arguments, stderr=subprocess.STDOUT):
        process = subprocess.Popen(
            [sys.executable, "-m", "wm_ros.cli", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "200"},
        )
        running.append(process)
        return process

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
            process.communicate()


@pytest.fixture
def called(domain, tmp_path, monkeypatch, capsys):
    """Runs `wm_ros ...` in tmp_path to its end and returns its exit code and output.

    In this process, where imports are done already; what it starts are processes as ever.
    """
    from wm_ros.cli import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["wm_ros", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return ended.value.code or 0, said.out + said.err

    return run
