"""The GPU benchmark, tried out on the CPU at toy sizes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch
from small_bag import record_small_bag

from wm_ros.bench.gpu import equality, plans, public, run, sizes
from wm_ros.bench.gpu.graphs import Graphed
from wm_ros.bench.gpu.rows import Rows, Setup, median_s, read_table
from wm_ros.bench.planning import floor
from wm_ros.data.load import load_recording
from wm_ros.data.packed import pack
from wm_ros.models.checkpoint import load_checkpoint
from wm_ros.robots.profile import load_profile

ROOT = Path(__file__).parents[2]


@pytest.fixture
def setup(tmp_path):
    return Setup("cpu", True, tmp_path, 600.0)


def rows_of(setup, step):
    return Rows(setup.out / "results.json", step)


def test_the_script_measures_everything_on_a_machine_without_ros_and_leaves_a_checkpoint(tmp_path):
    bag = record_small_bag(tmp_path)
    pack(load_recording(bag, load_profile("arm"), frame_size=64), tmp_path / "recording.npz", 60.0)
    blocked = tmp_path / "blocked"
    for name in ("rclpy", "mujoco", "cv2", "rosbags", "gymnasium", "mcap"):
        (blocked / name).mkdir(parents=True)
        (blocked / name / "__init__.py").write_text("raise ImportError('not on this machine')\n")
    environment = {**os.environ, "PYTHONPATH": str(blocked), "PYTHON": sys.executable}
    command = ["sh", ROOT / "bench" / "gpu.sh", "60", tmp_path / "out", "cpu", tmp_path / "recording.npz"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)
    log = (tmp_path / "out" / "log.txt").read_text()
    assert done.returncode == 0, done.stdout + done.stderr + log
    table = json.loads((tmp_path / "out" / "results.json").read_text())
    assert list(table["steps"]) == list(run.STEPS)
    assert set(run.STEPS) <= set(table)
    assert "failed" not in json.dumps(table)
    for case in plans.cases(True):
        for way in plans.WAYS:
            assert table["plans"][f"{case.name}, {way}"]["ms"] > 0
    assert table["compiled"]["warm 64x4 H3, 256 tokens"]["ms"] > 0
    assert sum(". aten::" in name for name in table["kernels"]) >= 5
    assert table["things"]["training"]["weights_mb"] < 16
    assert "encoder" in table["things"]["trial, seconds a step"]
    assert (tmp_path / "out" / "table.txt").read_text() in done.stdout
    assert load_checkpoint(tmp_path / "out" / "model").card.goal_distance == "temporal"


def test_on_the_cpu_nothing_differs_from_the_cpu_but_by_rounding(setup):
    equality.measure(setup, rows_of(setup, "equality"))
    rows = read_table(setup.out / "results.json")["equality"]
    assert len(rows) == 7
    for name, row in rows.items():
        least, most = (1e-6, 0.05) if name.endswith("bfloat16") else (0.0, 1e-6)
        assert least <= row["relative_difference"] <= most, name


def test_one_plan_is_counted(setup):
    """Twice the iterations are twice the arithmetic."""
    counts = []
    for iterations in (2, 4):
        options = floor.PlannerOptions(batch_size=16, iteration_count=iterations, elites=4, knots=1)
        counts.append(plans.plan_figures(plans.Case("plan", 4, options), "eager", setup, 1e12)["gflop"])
    assert counts[1] == pytest.approx(2 * counts[0], rel=0.2)


def test_the_public_way_imagines_what_ours_does():
    pytest.importorskip("scipy")
    model = sizes.action_conditioned(True, "cpu", "float32")
    model.at(plans.POSE)
    generator = torch.Generator().manual_seed(0)
    state = torch.randn(1, model.encoder.tokens, model.encoder.dim, generator=generator)
    actions = 0.1 * torch.randn(3, 2, len(model.card.robot.action), generator=generator)
    ours = (model.rollout(state, actions)[:, -1] - state).abs().mean(dim=(1, 2))
    torch.testing.assert_close(public.costs(model, state, actions), ours, rtol=1e-4, atol=1e-4)


def test_without_a_gpu_there_are_no_graphs_and_the_function_runs():
    double = Graphed(lambda x, nothing: 2 * x)
    assert double(torch.ones(3), None).tolist() == [2.0, 2.0, 2.0]


def test_what_takes_long_is_measured_once():
    calls = []
    median_s(lambda: calls.append(0), "cpu", 5, enough_s=0.0)
    assert len(calls) == 2  # with the one that warms up
    median_s(lambda: calls.append(0), "cpu", 5)
    assert len(calls) == 2 + 6


def test_a_row_that_fails_says_why_and_the_next_is_measured(setup, capsys):
    rows = rows_of(setup, "step")
    rows.attempt("broken", lambda: {"ms": 1 // 0})
    rows.attempt("whole", lambda: {"ms": 1})
    assert rows.failed
    found = read_table(setup.out / "results.json")["step"]
    assert found["broken"]["failed"].startswith("ZeroDivisionError")
    assert found["whole"] == {"ms": 1}
    assert "Traceback" in capsys.readouterr().err


def test_a_step_that_fails_or_never_ends_does_not_stop_the_rest(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(run, "STEPS", {"no_such_step": 1.0, "plans": 1e-6, "equality": 1.0})
    assert not run.run(tmp_path / "out", 10.0, "cpu")
    said = capsys.readouterr().out
    table = read_table(tmp_path / "out" / "results.json")
    assert "ModuleNotFoundError" in table["steps"]["no_such_step"]["failed"]
    assert table["steps"]["plans"]["failed"] == "ended after its 0 s"
    assert "forward model large bfloat16" in said
    assert "ModuleNotFoundError" in (tmp_path / "out" / "log.txt").read_text()
