"""The command line: starts without heavy modules, teaches, and tells mistakes in a sentence."""

import os
import subprocess
import sys

import pytest

FORBIDDEN = ("torch", "rclpy", "mujoco", "rosbags", "matplotlib", "numpy")


def wm_ros(*arguments, block=(), folder=None):
    """Run the command with modules hidden, as where they are not installed."""
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({block!r})); sys.argv = ['wm_ros', *{arguments!r}];"
        "from wm_ros.cli import main; main()"
    )
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=folder, env=environment
    )


@pytest.mark.parametrize("command", [[], ["record"], ["inspect"], ["demo"]])
def test_help_works_without_torch_rclpy_or_anything_heavy(command):
    result = wm_ros(*command, "--help", block=FORBIDDEN)
    assert result.returncode == 0, result.stderr
    assert "Usage: wm_ros" in result.stdout


def test_help_teaches_the_way_from_demo_to_own_robot():
    text = wm_ros("--help").stdout
    for word in ("wm_ros demo", "wm_ros record --profile robot.yaml", "wm_ros inspect"):
        assert word in text


def test_record_and_inspect_a_simulated_bag(tmp_path):
    pytest.importorskip("mujoco")
    arguments = ("record", "--sim", "--out", "bag", "--episodes", "2", "--seconds", "1")
    recorded = wm_ros(*arguments, block=("torch", "rclpy"), folder=tmp_path)
    assert recorded.returncode == 0, recorded.stderr
    assert "wm_ros inspect bag" in recorded.stdout
    inspected = wm_ros("inspect", "bag", block=("torch", "rclpy", "mujoco"), folder=tmp_path)
    assert inspected.returncode == 0, inspected.stderr
    assert "of 64x64, 10 Hz" in inspected.stdout
    assert "2 of 1" in inspected.stdout  # two episodes of ten and some frames
    again = wm_ros(*arguments, folder=tmp_path)
    assert again.returncode == 1
    assert again.stderr == "wm_ros: bag exists already; give another folder for the recording\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("inspect", "nowhere"), "wm_ros: no recording at nowhere\n"),
        (("inspect", "nowhere", "--profile", "r2d2"), "wm_ros: no robot profile named 'r2d2'; known: arm"),
        (("record", "--sim", "--out", "bag", "--profile", "robot.yaml"), "robot.yaml does not exist"),
        (("demo", "--checkpoint", "nowhere"), "wm_ros: checkpoint nowhere is not a folder"),
    ],
)
def test_mistakes_are_told_in_one_sentence(tmp_path, arguments, said):
    if arguments[0] == "demo":
        pytest.importorskip("torch")
        pytest.importorskip("rclpy")
    result = wm_ros(*arguments, folder=tmp_path)
    assert result.returncode == 1
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_a_missing_extra_is_named(tmp_path):
    result = wm_ros("record", "--sim", "--out", "bag", block=("mujoco",), folder=tmp_path)
    assert result.returncode == 1
    assert "this needs mujoco: pip install 'wm_ros[sim]'" in result.stderr


def test_contradicting_options_are_refused(tmp_path):
    result = wm_ros("record", "--sim", "--explore", "--out", "bag", folder=tmp_path)
    assert result.returncode == 2
    assert "--explore is for a live robot" in result.stderr


def test_faults_of_our_own_keep_their_traceback(tmp_path, monkeypatch):
    code = (
        "import wm_ros.data.load as load\n"
        "def broken(*_): raise ZeroDivisionError\n"
        "load.load_recording = broken\n"
        "import sys; sys.argv = ['wm_ros', 'inspect', 'bag']\n"
        "from wm_ros.cli import main; main()"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 1
    assert "ZeroDivisionError" in result.stderr
