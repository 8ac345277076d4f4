"""The table of the faults: a promise broken in one round is a promise broken."""

from dataclasses import replace

import pytest

from wm_ros.robots.profile import load_profile
from wm_ros.runs.faults.campaign import Round, limit_s, table

GOOD = Round("camera dies", 0.4, 40, 0, "", 0.01, True, "observation too old", False)


def test_the_limit_is_the_oldest_picture_the_longest_ramp_and_a_margin():
    assert limit_s(load_profile("arm")) == pytest.approx(0.3 + 1.5 / 10.0 + 0.1)


def test_a_row_per_fault_with_the_worst_of_its_rounds():
    other = replace(GOOD, fault="stop topic", seconds_to_zero=0.2, reason="stop topic")
    rows = table([GOOD, other, replace(GOOD, seconds_to_zero=0.5)], 0.55)
    assert list(rows) == ["camera dies", "stop topic"]
    assert rows["camera dies"] == {
        "rounds": 2,
        "worst_s_to_zero": 0.5,
        "median_s_to_zero": 0.45,
        "in_time": 2,
        "commands": 80,
        "out_of_limits": 0,
        "breach": "",
        "heard_late_s": 0.01,
        "last_is_zero": 2,
        "moved_without_start": 0,
        "guard_said": "observation too old",
        "kept": True,
    }


@pytest.mark.parametrize(
    "broken",
    [
        {"seconds_to_zero": 0.56},
        {"seconds_to_zero": None},
        {"out_of_limits": 1, "breach": "command 7"},
        {"last_is_zero": False},
        {"moved_without_start": True},
    ],
)
def test_one_bad_round_of_many_breaks_the_promise(broken):
    assert not table([GOOD] * 99 + [replace(GOOD, **broken)], 0.55)["camera dies"]["kept"]
