"""`wm_ros status` beside a running guard, and beside nobody."""

import os
import subprocess
import sys

import pytest


def status(*arguments):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "300", "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-m", "wm_ros.cli", "status", *arguments],
        capture_output=True,
        text=True,
        env=environment,
    )


def test_it_shows_what_the_guard_says(processes):
    processes.start("wm_ros.nodes.guard_node", {"autostart": True})
    shown = status("--once", "--wait", "30")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.splitlines() == ["guard: idle | idle: call ~/start | plans 0.0 Hz | commands 0.0 Hz"]


@pytest.mark.parametrize("arguments", [[], ["--once"]])
def test_it_says_when_nobody_is_there(domain, arguments):
    shown = status("--wait", "0.5", *arguments)
    assert shown.returncode == 1
    assert "a node's diagnostics: is one running, on this ROS_DOMAIN_ID?" in shown.stderr


def test_a_node_that_cannot_work_is_exit_code_one(processes):
    processes.start("wm_ros.nodes.guard_node", {"autostart": True, "profile": "nonsense"})
    shown = status("--once", "--wait", "30")
    assert shown.returncode == 1
    assert "guard: unconfigured | configure failed: no robot profile named 'nonsense'" in shown.stdout
