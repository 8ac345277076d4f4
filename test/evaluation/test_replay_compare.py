"""Two replays side by side: which figure is better, and when they cannot be compared."""

import copy
import json

import pytest

from wm_ros.evaluation.replay.compare import CompareError, differences, read_summary, rows

SUMMARY = {
    "verdict": "pass",
    "bag": "bag",
    "profile": "arm",
    "rate": 1.0,
    "episodes": [0],
    "thresholds": {},
    "latency_ms": {"plan": {"p50": 90.0, "p95": 140.0, "p99": 160.0, "samples": 10}},
    "frames": {"encoded": 100},
    "false_stops": {"count": 1, "pct_of_time": 0.5},
    "commands": {
        "beyond_limits": 0,
        "beside_operator": {"shoulder": {"guard_rms": 1.0, "difference_rms": 1.2, "correlation": 0.1}},
    },
    "faults": [{"kind": "dead", "reaction": {"time_to_stop_s": 0.4}}],
}


@pytest.fixture
def other():
    """The same, a little different."""
    other = copy.deepcopy(SUMMARY)
    other["latency_ms"]["plan"]["p95"] = 120.0
    other["frames"]["encoded"] = 90
    other["commands"]["beside_operator"]["shoulder"] |= {"correlation": 0.6, "guard_rms": 2.0}
    other["faults"][0]["reaction"]["time_to_stop_s"] = 0.5
    return other


def test_each_figure_says_which_is_better(other):
    better = {row.name: row.better for row in rows(SUMMARY, other)}
    assert better == {
        "camera stamp to plan, p50": None,
        "camera stamp to plan, p95": 1,
        "frames encoded": 0,
        "stops without a fault": None,
        "time stopped without a fault": None,
        "commands beyond limits": None,
        "shoulder: guard's commands, rms": None,
        "shoulder: apart from the operator, rms": None,
        "shoulder: correlation with the operator": 1,
        "dead: time to stop": 0,
    }
    assert differences(SUMMARY, other) == []


def test_a_fault_that_was_not_stopped_or_is_another_one_has_no_figure(other):
    other["faults"][0]["reaction"] = None
    assert rows(SUMMARY, other)[-1].second is None
    other["faults"][0]["kind"] = "old"
    assert rows(SUMMARY, other)[-1].first is None


def test_another_bag_or_rate_is_said(other):
    other |= {"bag": "other", "rate": 0.5}
    assert differences(SUMMARY, other) == ["bag differs: bag and other", "rate differs: 1.0 and 0.5"]


@pytest.mark.parametrize("content", [None, "no json", "[]", "{}", '{"latency_ms": 3}'])
def test_what_is_no_replay_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "replay.json").write_text(content)
    with pytest.raises(CompareError, match="is no result of `wm_ros replay`"):
        read_summary(tmp_path)


def test_an_earlier_result_is_read(tmp_path):
    (tmp_path / "replay.json").write_text(json.dumps(SUMMARY))
    assert read_summary(tmp_path) == SUMMARY
