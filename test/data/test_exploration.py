"""Exploratory motion: within the limits, near the start, with pauses, and the same for the same seed."""

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wm_ros.data.exploration import PAUSE_SHARE, Exploration
from wm_ros.robots.profile import load_profile, profile_from_dict

ARM = load_profile("arm")
SEEDS = st.integers(0, 2**32 - 1)


def robot(*limits):
    """The arm with other limits."""
    data = copy.deepcopy(ARM.to_dict())
    for component, (low, high) in zip(data["action"], limits, strict=True):
        component.update(min=low, max=high)
    return profile_from_dict(data)


def rates(profile, seed, max_excursion, dts):
    explore = Exploration(profile, np.random.default_rng(seed), max_excursion)
    return np.array([explore.step(dt) for dt in dts])


@given(
    seed=SEEDS,
    dts=st.lists(st.floats(0.01, 1.0), min_size=1, max_size=60),
    bound=st.floats(0.01, 5.0),
    low=st.floats(-3.0, 0.0),
    high=st.floats(0.1, 3.0),
)
def test_rates_and_excursion_stay_within_their_bounds(seed, dts, bound, low, high):
    profile = robot((low, high), (-high, -low + 0.05))
    commanded = rates(profile, seed, bound, dts)
    assert (commanded >= profile.low).all()
    assert (commanded <= profile.high).all()
    travelled = np.cumsum(commanded * np.array(dts)[:, None], axis=0)
    assert np.abs(travelled).max() <= bound + 1e-9


@given(seed=SEEDS)
def test_the_motion_uses_its_room(seed):
    commanded = rates(ARM, seed, 1.0, [0.1] * 600)
    travelled = np.cumsum(commanded * 0.1, axis=0)
    assert (np.ptp(travelled, axis=0) > 1.0).all()
    assert (np.abs(commanded).max(axis=0) > 0.5).all()
    assert (commanded.min(axis=0) < 0).all()
    assert (commanded.max(axis=0) > 0).all()


def test_pauses_occur_as_often_as_said_and_rates_are_held():
    commanded = rates(ARM, 0, 100.0, [0.1] * 20_000)
    still = (commanded == 0.0).all(axis=1)
    assert still.mean() == pytest.approx(PAUSE_SHARE, abs=0.03)
    changes = (np.diff(commanded, axis=0) != 0).any(axis=1).mean()
    # Segments last 0.3 to 2.5 s, 1.4 s on average.
    assert 1.0 < 0.1 / changes < 1.8


def test_the_longer_side_of_unequal_limits_is_driven_more():
    commanded = rates(robot((-0.3, 0.6), (-1.5, 1.5)), 0, 1e3, [0.1] * 20_000)
    moving = commanded[(commanded != 0.0).any(axis=1)]
    assert (moving > 0.0).mean(axis=0) == pytest.approx([2 / 3, 1 / 2], abs=0.05)


def test_equal_seeds_move_alike_and_others_do_not():
    dts = [0.1] * 50
    np.testing.assert_array_equal(rates(ARM, 7, 3.0, dts), rates(ARM, 7, 3.0, dts))
    assert not np.array_equal(rates(ARM, 7, 3.0, dts), rates(ARM, 8, 3.0, dts))


def test_plans_carry_the_rates_and_outlast_their_step():
    explore = Exploration(ARM, np.random.default_rng(5), 3.0)
    expected = rates(ARM, 5, 3.0, [0.1] * 5)
    for index, rate in enumerate(expected):
        stamp_ns = index * 100_000_000
        plan = explore.plan(stamp_ns, 0.1)
        assert plan.names == ARM.names
        assert plan.stamp_ns == stamp_ns
        np.testing.assert_array_equal(plan.rate_at(stamp_ns + 200_000_000), rate)
        assert plan.end_ns == stamp_ns + 250_000_000


@pytest.mark.parametrize("bound", [0.0, -1.0, float("nan")])
def test_a_bound_that_is_none_is_refused(bound):
    with pytest.raises(ValueError, match="max_excursion must be greater than 0"):
        Exploration(ARM, np.random.default_rng(0), bound)
