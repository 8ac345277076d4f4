"""Plans: zero-order hold, an end at rest, and nothing malformed gets through."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from message_kinds import KINDS, blank

from wm_ros.messages.plan import Plan, PlanError, decode_plan, fill_plan
from wm_ros.messages.stamp import fill_stamp
from wm_ros.robots.profile import load_profile

PROFILE = load_profile("arm")
STAMP = 1_700_000_000_123_456_789


def plan_of(rates=((1.0, -0.5), (0.2, 0.3), (0.0, 0.0)), times_s=(0.0, 0.2, 0.4), stamp_ns=STAMP):
    return Plan(stamp_ns, PROFILE.names, np.array(rates), np.array(times_s))


def message_of(kind, names, velocities, times_ns, stamp_ns=STAMP):
    points = []
    for row, time_ns in zip(velocities, times_ns, strict=True):
        point = blank(kind, "trajectory_msgs/msg/JointTrajectoryPoint")
        point.velocities = list(row) if kind == "rclpy" else np.array(row, np.float64)
        fill_stamp(point.time_from_start, time_ns)
        points.append(point)
    message = blank(kind, "trajectory_msgs/msg/JointTrajectory", joint_names=list(names), points=points)
    fill_stamp(message.header.stamp, stamp_ns)
    return message


@pytest.mark.parametrize(
    ("ns", "rate"),
    [
        (-(10**9), [1.0, -0.5]),
        (0, [1.0, -0.5]),
        (199_999_999, [1.0, -0.5]),
        (200_000_000, [0.2, 0.3]),
        (399_999_999, [0.2, 0.3]),
        (400_000_000, None),
        (10**12, None),
    ],
)
def test_each_rate_holds_until_the_next_and_the_end_is_the_end(ns, rate):
    found = plan_of().rate_at(STAMP + ns)
    assert rate is None if found is None else list(found) == rate


def test_an_older_observation_behind_a_plan_dates_it_and_moves_no_rate():
    plan, older = plan_of(), plan_of().behind(STAMP - 50_000_000)
    assert older.stamp_ns == STAMP - 50_000_000
    assert older.end_ns == plan.end_ns
    for ns in (0, 199_999_990, 200_000_010, 399_999_990):
        np.testing.assert_array_equal(older.rate_at(STAMP + ns), plan.rate_at(STAMP + ns))
    with pytest.raises(PlanError, match="start at 0 or later"):
        plan.behind(STAMP + 1)


def test_the_end_is_exact_in_nanoseconds():
    assert plan_of().end_ns == STAMP + 400_000_000


def test_a_plan_does_not_change_when_its_source_does():
    rates = np.ones((2, 2))
    rates[-1] = 0.0
    plan = Plan(0, PROFILE.names, rates, [0.0, 1.0])
    rates[0] = np.nan
    assert plan.rate_at(0) == (1.0, 1.0)
    with pytest.raises(ValueError, match="read-only"):
        plan.rates[0] = 2.0


@pytest.mark.parametrize("kind", KINDS)
@given(
    rates=st.lists(st.tuples(*[st.floats(-9, 9)] * 2), min_size=1, max_size=6),
    steps_ns=st.lists(st.integers(1, 10**10), min_size=6, max_size=6),
    stamp_ns=st.integers(0, 2**31 * 10**9 - 1),
)
@settings(deadline=None)
def test_round_trip(kind, rates, steps_ns, stamp_ns):
    times_s = np.cumsum([0, *steps_ns[: len(rates)]]) * 1e-9
    plan = plan_of([*rates, (0.0, 0.0)], times_s, stamp_ns)
    message = blank(kind, "trajectory_msgs/msg/JointTrajectory")
    fill_plan(message, plan, lambda: blank(kind, "trajectory_msgs/msg/JointTrajectoryPoint"))
    found = decode_plan(message, PROFILE)
    assert found.stamp_ns == stamp_ns
    np.testing.assert_array_equal(found.rates, plan.rates)
    np.testing.assert_array_equal(found.times_ns, plan.times_ns)


@pytest.mark.parametrize("kind", KINDS)
def test_components_in_another_order_are_put_right(kind):
    message = message_of(kind, ["elbow", "shoulder"], [(1.0, 2.0), (0.0, 0.0)], [0, 10**9])
    assert decode_plan(message, PROFILE).rates[0].tolist() == [2.0, 1.0]


number = st.floats(allow_nan=True, allow_infinity=True) | st.floats(-2, 2)


@pytest.mark.parametrize("kind", KINDS)
@given(
    names=st.lists(st.sampled_from(["shoulder", "elbow", "wrist", ""]), max_size=3)
    | st.just(list(PROFILE.names)),
    points=st.lists(
        st.tuples(st.lists(number, min_size=2, max_size=2) | st.lists(number), st.integers(-9, 9))
    ),
    at_rest=st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_any_message_is_a_plan_in_order_or_a_plan_error(kind, names, points, at_rest):
    if at_rest:
        points.append(([0.0, 0.0], 10))
    message = message_of(kind, names, [row for row, _ in points], [time for _, time in points])
    try:
        plan = decode_plan(message, PROFILE)
    except PlanError as error:
        assert str(error)  # noqa: PT017 - the other outcome is a plan
    else:
        assert sorted(names) == sorted(PROFILE.names)
        assert np.isfinite(plan.rates).all()
        assert not plan.rates[-1].any()
        assert (np.diff(plan.times_ns) > 0).all()
        assert plan.rate_at(plan.end_ns) is None


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"rates": [[math.nan, 0.0], [0.0, 0.0]], "times_s": [0.0, 1.0]}, "NaN or infinite"),
        ({"rates": [[math.inf, 0.0], [0.0, 0.0]], "times_s": [0.0, 1.0]}, "NaN or infinite"),
        ({"times_s": [0.0, 0.2, math.nan]}, "NaN or infinite"),
        ({"times_s": [0.0, 0.2, 0.2]}, "increase, got"),
        ({"times_s": [-0.1, 0.2, 0.3]}, "start at 0 or later"),
        ({"rates": [[1.0, 0.0], [1.0, 0.0], [0.1, 0.0]]}, r"zero rates, got \[0.1, 0.0\]"),
        ({"rates": [[0.0, 0.0]], "times_s": [0.0]}, "plan has 1 points"),
        ({"times_s": [0.0, 0.2]}, r"rates \[3, 2\] and times \[2\]"),
        ({"names": ("shoulder",)}, "plan of 1 names"),
    ],
)
def test_errors_name_what_is_wrong(change, text):
    with pytest.raises(PlanError, match=text):
        replace(plan_of(), **change)


def test_a_plan_for_another_robot_names_both():
    with pytest.raises(PlanError, match=r"\['wheel'\], but profile arm has \['shoulder', 'elbow'\]"):
        decode_plan(message_of("rosbags", ["wheel"], [(1.0,), (0.0,)], [0, 1]), PROFILE)


def test_a_point_of_the_wrong_length_is_named():
    with pytest.raises(PlanError, match="point 1 has 1 velocities, expected 2"):
        decode_plan(message_of("rosbags", PROFILE.names, [(1.0, 1.0), (0.0,)], [0, 1]), PROFILE)
