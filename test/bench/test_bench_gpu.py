"""The GPU benchmark, tried out on the CPU at toy sizes."""

import json

import pytest

pytest.importorskip("torch")

from wm_ros.bench.gpu import equality, plans, run
from wm_ros.bench.gpu.rows import Rows
from wm_ros.bench.planning import floor


def test_on_the_cpu_nothing_differs_from_the_cpu_but_by_rounding(tmp_path):
    equality.measure("cpu", True, Rows(tmp_path / "equality.json"))
    rows = json.loads((tmp_path / "equality.json").read_text())
    assert len(rows) == 7
    for name, row in rows.items():
        least, most = (1e-6, 0.05) if name.endswith("bfloat16") else (0.0, 1e-6)
        assert least <= row["relative_difference"] <= most, name


def test_one_plan_is_counted(tmp_path):
    """Twice the iterations are twice the arithmetic, but for what a plan computes once."""
    counts = []
    for iterations in (2, 4):
        options = floor.PlannerOptions(batch_size=16, iteration_count=iterations, elites=4, knots=1)
        rows = Rows(tmp_path / "plans.json")
        plans._plan("plan", plans.sizes.world_model(4, True, "cpu"), options, False, "cpu", 1e12, rows)
        counts.append(json.loads((tmp_path / "plans.json").read_text())["plan, eager"]["gflop"])
    assert counts[1] / counts[0] == pytest.approx(2.0, rel=0.2)


def test_a_step_that_fails_or_never_ends_does_not_stop_the_rest(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(run, "STEPS", {"no_such_step": 1.0, "equality": 1.0, "plans": 0.0001})
    assert not run.run(tmp_path / "out", 1.0, "cpu", True)
    said = capsys.readouterr().out
    assert "no_such_step: ModuleNotFoundError" in said
    assert "plans: ended after its 0 s" in said
    assert "forward model large bfloat16" in said
    assert (tmp_path / "out" / "no_such_step.log").exists()
