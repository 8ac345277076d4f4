"""The last plan as seen from now: on its own time line, whatever part of a knot has passed."""

import pytest

pytest.importorskip("torch")

import torch
from hypothesis import given
from hypothesis import strategies as st

from wm_ros.planning.warm_start import shifted

KNOTS = torch.arange(1.0, 6.0)[:, None]


@pytest.mark.parametrize(
    ("passed", "expected"),
    [
        (0, [1, 2, 3, 4, 5]),
        (1, [2, 3, 4, 5, 0]),
        (3, [4, 5, 0, 0, 0]),
        (5, [0, 0, 0, 0, 0]),
        (1000, [0, 0, 0, 0, 0]),
        (0.25, [1.25, 2.25, 3.25, 4.25, 3.75]),
        (1.5, [2.5, 3.5, 4.5, 2.5, 0]),
        (4.5, [2.5, 0, 0, 0, 0]),
        (5.5, [0, 0, 0, 0, 0]),
    ],
)
def test_each_knot_is_the_mean_of_the_old_rates_over_its_time(passed, expected):
    assert shifted(KNOTS, passed)[:, 0].tolist() == pytest.approx(expected)
    assert KNOTS[:, 0].tolist() == [1, 2, 3, 4, 5]


@given(passed=st.floats(0.0, 7.0), knots=st.integers(1, 6))
def test_what_is_left_of_the_way_is_kept(passed, knots):
    """What the old plan would move the robot by from now on is what the new one does."""
    rates = torch.linspace(-1.0, 2.0, knots, dtype=torch.float64)[:, None]
    ends = torch.arange(1.0, knots + 1.0, dtype=torch.float64)
    left = ((ends - passed).clamp(0.0, 1.0) * rates[:, 0]).sum()
    assert float(shifted(rates, passed).sum()) == pytest.approx(float(left), abs=1e-9)


@pytest.mark.parametrize("replans", [4, 10, 40])
def test_replanning_often_moves_as_far_as_replanning_seldom(replans):
    """Rounded to whole knots, a plan replanned ten times a knot would never move on."""
    knots, length = torch.zeros(16, 1, dtype=torch.float64), 3.0
    knots[10] = 1.0
    for _ in range(replans):
        knots = shifted(knots, length / replans)
    centre = (knots[:, 0] * torch.arange(16)).sum()
    assert float(knots.sum()) == pytest.approx(1.0, abs=3e-3)
    assert float(centre) == pytest.approx(7.0, abs=3e-3)
