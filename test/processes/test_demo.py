"""`wm_ros demo` as a user starts it, with a model of random weights: plumbing and figures, not skill."""

import json
import os
import signal
from functools import partial

import pytest

pytest.importorskip("mujoco")
pytest.importorskip("torch")
pytest.importorskip("matplotlib")

from checkpoint_harness import write_checkpoint
from process_harness import gone, nodes_of
from typer.testing import CliRunner

from wm_ros.cli import app
from wm_ros.robots.profile import load_profile

KEYS = {
    "success_rate",
    "success_radius_m",
    "median_final_distance_m",
    "goals",
    "commands",
    "commands_out_of_limits",
    "stop_to_zero_s",
    "latent_action_r2",
    "camera_to_plan_ms",
    "random_control",
}


def test_an_error_begins_on_a_line_of_its_own(tmp_path):
    result = CliRunner().invoke(app, ["demo", "--robot", "pusht", "--out", str(tmp_path / "out")])
    assert "none is packaged for robot 'pusht'" in str(result.exception)
    assert result.stdout.endswith("\n")


@pytest.fixture
def checkpoint(tmp_path):
    return write_checkpoint(tmp_path / "checkpoint", load_profile("arm"))


@pytest.fixture
def demo(command, domain, checkpoint):
    """Starts `wm_ros demo` into tmp_path/out."""
    return partial(command, "demo", "--out", "out", "--checkpoint", checkpoint, "--domain", domain)


def test_the_demo_measures_and_draws(demo, tmp_path):
    pillow = pytest.importorskip("PIL.Image")
    process = demo("--goals", "1", "--limit", "3", "--seed", "5")
    output, _ = process.communicate()
    assert process.returncode == 0, output
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert set(summary) >= KEYS
    assert summary["success_radius_m"] == 0.04
    (goal,) = summary["goals"]
    assert goal["start_distance_m"] >= 0.1
    assert goal["duration_s"] >= 3.0
    assert summary["commands"] > 3 * 45
    assert summary["commands_out_of_limits"] == 0
    assert 0.0 < summary["stop_to_zero_s"] < 1.0
    assert 0.0 < summary["camera_to_plan_ms"]["p50"] <= summary["camera_to_plan_ms"]["p95"]
    assert isinstance(summary["latent_action_r2"], float)
    control = summary["random_control"]
    assert len(control["goals"]) == 1
    assert control["commands"] > 3 * 45
    assert control["commands_out_of_limits"] == 0
    with pillow.open(tmp_path / "out" / "demo.gif") as animation:
        assert animation.n_frames >= 15
    with pillow.open(tmp_path / "out" / "demo.png") as sheet:
        assert sheet.width > 200
    assert "commands out of limits: 0 of" in output
    assert any(line.startswith("reached and held within 4 cm") for line in output.splitlines())


def test_the_rover_s_demo_says_metres_and_degrees(called, domain, tmp_path):
    pillow = pytest.importorskip("PIL.Image")
    checkpoint = write_checkpoint(tmp_path / "checkpoint", load_profile("rover"))
    options = ("--goals", "1", "--limit", "2", "--checkpoint", checkpoint, "--domain", domain)
    code, output = called("demo", "--robot", "rover", "--out", "out", *options)
    assert code == 0, output
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert set(summary) >= KEYS
    assert (summary["robot"], summary["success_radius_m"], summary["success_heading_deg"]) == (
        "rover",
        0.25,
        15.0,
    )
    (goal,) = summary["goals"]
    assert goal["start_distance_m"] >= 0.5
    assert 0.0 <= goal["final_heading_deg"] <= 180.0
    for commands in (summary, summary["random_control"]):
        assert commands["commands"] > 45
        assert commands["commands_out_of_limits"] == 0
    assert isinstance(summary["latent_action_r2"], float)
    with pillow.open(tmp_path / "out" / "demo.gif") as animation:
        assert animation.n_frames >= 10
    assert "within 25 cm and 15 deg: " in output


def test_a_planner_that_dies_ends_the_demo_with_its_last_words(ros, demo):
    process = demo("--goals", "1")
    nodes = ros.until(lambda: nodes_of(process) if len(nodes_of(process)) == 3 else None, "three nodes")
    ros.until(lambda: ros.node.count_publishers("plan") == 2, "the planner")
    os.kill(nodes["pipeline_node"], signal.SIGKILL)
    output, _ = process.communicate()
    assert process.returncode == 1
    assert "pipeline_node ended with code -9" in output
    assert all(gone(number) for number in nodes.values())


def test_ctrl_c_ends_all_processes(ros, demo):
    process = demo("--goals", "1")
    nodes = ros.until(lambda: nodes_of(process) if len(nodes_of(process)) == 3 else None, "three nodes")
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode not in (0, None)
    assert all(gone(number) for number in nodes.values())
