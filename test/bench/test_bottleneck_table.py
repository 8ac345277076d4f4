"""The table of a comparison from figures that are known, as data, as Markdown and as a picture."""

import re

import pytest

pytest.importorskip("matplotlib")

from PIL import Image

from wm_ros.bench.bottlenecks.picture import draw
from wm_ros.bench.bottlenecks.runs import SweepError, bottleneck_of, varied
from wm_ros.bench.bottlenecks.table import figures_of, markdown, tabulate

RUNS = {
    "noise": [
        {"one_step": 0.3, "action_gap_shuffled": 40.0, "controller_gap": 2.0, "kl": 5.0},
        {"one_step": 0.5, "action_gap_shuffled": 20.0, "controller_gap": 4.0, "kl": 6.0},
    ],
    "none": [{"one_step": 0.1}, {"one_step": 0.2}],
    "deterministic": [{"one_step": 0.9}, {"one_step": 0.8}],
    "random actions": [{"planning_success": 0.0}, {"planning_success": 0.1}],
    "no action": [{"plan_error_rad": 0.61, "plan_error_m": 0.2}],
}


def table(**entries):
    rows = tabulate(RUNS)
    return {"about": {}, "left_out": {}, "figures": figures_of(rows), "rows": rows, **entries}


def test_mean_least_and_most_by_hand():
    gap = tabulate(RUNS)["noise"]["action_gap_shuffled"]
    assert gap == {"mean": 30.0, "low": 20.0, "high": 40.0, "by_seed": [40.0, 20.0]}


def test_a_position_is_between_the_bounds_of_its_own_seed():
    rows = tabulate(RUNS)
    # (.3 - .1) / .8 and (.5 - .2) / .6
    assert rows["noise"]["one_step_position"]["by_seed"] == pytest.approx([0.25, 0.5])
    assert rows["noise"]["one_step_position"]["mean"] == 0.375
    assert rows["none"]["one_step_position"]["by_seed"] == [0.0, 0.0]
    assert rows["deterministic"]["one_step_position"]["by_seed"] == [1.0, 1.0]
    assert "one_step_position" not in rows["random actions"]


def test_there_is_no_position_between_bounds_that_coincide():
    rows = tabulate({**RUNS, "deterministic": RUNS["none"]})
    assert "one_step_position" not in rows["noise"]


def test_a_figure_that_a_seed_lacks_is_left_out():
    rows = tabulate({**RUNS, "noise": [RUNS["noise"][0], {"one_step": 0.5}]})
    assert "controller_gap" not in rows["noise"]
    assert rows["noise"]["one_step"]["mean"] == 0.4


def test_the_runs_are_left_as_they_were():
    tabulate(RUNS)
    assert "one_step_position" not in RUNS["noise"][0]


def test_figures_come_in_the_order_of_the_table_plan_errors_last():
    assert list(figures_of(tabulate(RUNS))) == [
        "one_step",
        "one_step_position",
        "action_gap_shuffled",
        "controller_gap",
        "planning_success",
        "plan_error_m",
        "plan_error_rad",
    ]


def test_the_markdown_has_header_table_and_meanings():
    text = markdown(table(about={"seeds": 2}, left_out={"planning_success": "--goals 0"}))
    lines = text.splitlines()
    assert lines[:4] == [
        "- seeds: 2",
        "- no planning success: --goals 0",
        "",
        "| | noise | none | deterministic | random actions | no action |",
    ]
    assert "| one step | 0.4 (0.3 .. 0.5) | 0.15 (0.1 .. 0.2) | 0.85 (0.8 .. 0.9) |  |  |" in lines
    assert "| plan error rad |  |  |  |  | 0.61 |" in lines
    assert "- controller gap: error from robot actions / from true latent actions" in lines
    assert len({line.count("|") for line in lines if line.startswith("|")}) == 1


@pytest.mark.parametrize("goals", [True, False])
def test_the_picture_is_drawn_with_goals_or_without(tmp_path, goals):
    whole = table()
    if not goals:
        del whole["figures"]["planning_success"], whole["rows"]["random actions"]["planning_success"]
    draw(whole, tmp_path / "table.png")
    with Image.open(tmp_path / "table.png") as picture:
        assert picture.width > 1000
        assert len(picture.convert("RGB").getcolors(1 << 20)) > 100


# What a comparison is made of


def test_a_value_is_kept_as_it_was_given():
    (model,) = varied("noise=0.00012345678")
    assert bottleneck_of(model) == {"name": "noise", "beta": 0.00012345678}


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("none=1", "--vary 'none=1' is none of noise=VALUE,..., sparse=VALUE,..., discrete=VALUE,..."),
        ("noise", "--vary 'noise' is none of"),
        ("noise=11", "beta must lie in [0, 10], got '11'"),
        ("discrete=16.5", "codes must lie in [2, 32768] and be whole, got '16.5'"),
    ],
)
def test_what_cannot_be_varied_is_refused_by_name(entry, said):
    with pytest.raises(SweepError, match=re.escape(said)):
        varied(entry)
