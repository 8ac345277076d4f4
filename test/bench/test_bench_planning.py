"""The planning benchmark: what it compares is equal, and what it reports adds up."""

import pytest

pytest.importorskip("torch")

import cv2
from checkpoint_harness import small_model

from wm_ros.bench.planning import floor, incremental, success
from wm_ros.planning.options import PlannerOptions
from wm_ros.robots.profile import load_profile


@pytest.fixture
def count():
    calls = []
    return calls, lambda: calls.append(1)


def test_incremental_and_recomputed_imagination_are_timed_in_turns_and_weighed_alone(monkeypatch, count):
    monkeypatch.setattr(incremental, "cases", lambda: [(2, 3)])
    calls, progress = count
    ((name, row),) = incremental.compare("tiny", 16, 32, "cpu", progress).items()
    assert name == "horizon 2, context 3"
    assert row["largest_difference"] < 1e-4
    assert row["times_faster"] == pytest.approx(row["recompute_ms"] / row["incremental_ms"], rel=0.1)
    assert row["memory_share"] == pytest.approx(row["incremental_mb"] / row["recompute_mb"], rel=0.1)
    assert len(calls) == 3


def test_a_plan_is_set_against_the_arithmetic_in_it(monkeypatch, count):
    options = PlannerOptions(batch_size=16, iteration_count=2, elites=4, knots=2, steps_per_knot=1)
    monkeypatch.setattr(floor, "SETTINGS", {"small": options})
    monkeypatch.setattr(floor, "REPEATS", 2)
    calls, progress = count
    rows = floor.settings("tiny", 1, "cpu", True, progress)
    row = rows["small"]
    # Two iterations of some 16 candidates, two steps of half a million products and sums each.
    assert row["gflop"] == pytest.approx(0.06, abs=0.03)
    assert 0.0 < row["share_of_floor"] < 1.0
    assert rows["small, compiled"]["gflop"] == row["gflop"]
    assert 0.0 < rows["small, compiled"]["share_of_floor"] < 1.0
    assert len(calls) == 1


def test_growth_changes_one_thing_at_a_time(monkeypatch, count):
    monkeypatch.setattr(floor, "GROWTH", {"candidates": (4, 8), "context": (2,)})
    monkeypatch.setattr(floor, "REPEATS", 1)
    table = floor.growth("tiny", "cpu", count[1])
    assert list(table) == ["candidates 4", "candidates 8", "context 2"]
    assert all(row["ms"] > 0.0 for row in table.values())


def test_success_is_drawn_against_the_candidates_evaluated(monkeypatch, count, tmp_path):
    monkeypatch.setattr(success, "HARD", (8, 2))
    monkeypatch.setattr(success, "EFFORTS", ((4, 1),))
    calls, progress = count
    table = success.compare(small_model(load_profile("arm"), weight=0.3), 1, 0, progress)
    assert [row["evaluations"] for row in table.values()] == [16, 4, 4, 4]
    assert all(0.0 <= row["success_rate"] <= 1.0 for row in table.values())
    assert len(calls) == 4
    success.draw(table, tmp_path / "curve.png")
    assert cv2.imread(str(tmp_path / "curve.png")).std() > 1.0
