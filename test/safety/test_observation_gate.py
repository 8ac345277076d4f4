"""The observation gate: an old picture moves nothing, whichever clock says it is old."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wm_ros.safety.observation_gate import ClockReading, ObservationGate

S = 1_000_000_000
ROS, STEADY = 1_700_000_000 * S, 12_345 * S


def at(seconds, ros_offset=0.0):
    return ClockReading(ROS + round((seconds + ros_offset) * S), STEADY + round(seconds * S))


def stamp(seconds):
    return ROS + round(seconds * S)


@pytest.mark.parametrize(
    ("case", "stamps", "now_s", "expected"),
    [
        # stamps: (stamp, arrival) in seconds
        ("nothing came", [], 0.0, "no plan"),
        ("fresh", [(0.0, 0.1)], 0.2, None),
        ("at the limit", [(0.0, 0.1)], 0.3, None),
        ("stale", [(0.0, 0.1)], 0.31, "observation too old"),
        ("stale on arrival", [(-1.0, 0.0)], 0.0, "observation too old"),
        (
            "frozen picture, plans still coming",
            [(0.0, 0.1), (0.0, 0.2), (0.0, 0.31)],
            0.31,
            "observation too old",
        ),
        ("refreshed", [(0.0, 0.1), (0.3, 0.4)], 0.5, None),
        ("slightly ahead", [(0.04, 0.0)], 0.1, None),
    ],
)
def test_age(case, stamps, now_s, expected):
    gate = ObservationGate()
    for stamped, arrived in stamps:
        assert gate.admit(stamp(stamped), at(arrived), 0.05) is None, case
    found = gate.too_old(at(now_s), 0.3)
    assert (found and found.name) == expected, case
    assert found is None or not found.latches


def test_the_text_names_age_limit_and_fix():
    gate = ObservationGate()
    gate.admit(stamp(0.0), at(0.1), 0.05)
    text = gate.too_old(at(0.62), 0.3).text
    assert text == "raise max_observation_age_s or speed up the planner: age 0.62 s > 0.30 s"


def test_a_ros_clock_that_stands_still_does_not_keep_a_picture_young():
    gate = ObservationGate()
    gate.admit(stamp(0.0), at(0.0), 0.05)
    stuck = ClockReading(ROS, STEADY + round(0.31 * S))
    assert gate.age_s(stuck) == pytest.approx(0.31)
    assert gate.too_old(stuck, 0.3).name == "observation too old"


def test_a_ros_clock_set_back_does_not_keep_a_picture_young():
    gate = ObservationGate()
    gate.admit(stamp(0.0), at(0.2), 0.05)
    assert gate.age_s(at(0.35, ros_offset=-0.3)) == pytest.approx(0.35)


def test_a_stamp_from_the_future_is_refused_and_latches():
    refusal = ObservationGate().admit(stamp(0.0), at(-0.2), 0.05)
    assert refusal.name == "future stamp"
    assert refusal.latches
    assert "0.20 s ahead > future_tolerance_s 0.05 s: synchronise" in refusal.text


def test_stamps_going_backwards_are_dropped_and_refresh_nothing():
    gate = ObservationGate()
    gate.admit(stamp(0.2), at(0.25), 0.05)
    refusal = gate.admit(stamp(0.1), at(0.3), 0.05)
    assert refusal.name == "stamp going backwards"
    assert "0.10 s older" in refusal.text
    assert gate.age_s(at(0.3)) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("jump_s", "seen"), [(0.0, False), (0.4, False), (-0.4, False), (0.6, True), (-0.6, True)]
)
def test_clock_jump(jump_s, seen):
    gate = ObservationGate()
    assert gate.clock_jump(at(0.0), 0.5) is None
    found = gate.clock_jump(at(0.02, ros_offset=jump_s), 0.5)
    assert (found is not None) == seen
    assert found is None or (found.latches and f"{jump_s:+.2f} s > clock_jump_s 0.5" in found.text)
    assert gate.clock_jump(at(0.04, ros_offset=jump_s), 0.5) is None


def test_simulated_time_that_has_not_begun_is_no_jump_but_admits_nothing():
    gate = ObservationGate()
    assert gate.clock_jump(ClockReading(0, STEADY), 0.5) is None
    refusal = gate.admit(stamp(0.0), ClockReading(0, STEADY), 0.05)
    assert refusal.name == "no ROS time"
    assert gate.clock_jump(at(0.02), 0.5) is None
    assert gate.admit(stamp(0.0), at(0.02), 0.05) is None
    assert gate.clock_jump(ClockReading(0, STEADY + S), 0.5).name == "clock jump"


def test_simulated_time_ten_times_as_fast_is_no_jump():
    gate = ObservationGate()
    for tick in range(100):
        now = ClockReading(ROS + tick * S // 5, STEADY + tick * S // 50)
        assert gate.clock_jump(now, 0.5) is None


@given(
    arrivals=st.lists(st.tuples(st.floats(-1, 1), st.floats(0, 0.2), st.floats(-2, 2)), min_size=1),
    wait=st.floats(0, 2),
)
def test_neither_clock_ever_sees_an_observation_older_than_the_gate_says(arrivals, wait):
    """Whatever the stamps and jumps of the ROS clock, age is at least each clock's own."""
    gate, steady_s, first = ObservationGate(), 0.0, {}
    newest = None
    for stamped, pause, offset in arrivals:
        steady_s += pause
        now = at(steady_s, offset)
        if gate.admit(stamp(stamped), now, 0.05) is None:
            newest = stamp(stamped)
            first.setdefault(newest, now)
    now = at(steady_s + wait, arrivals[-1][2])
    age = gate.age_s(now)
    assert (age is None) == (newest is None)
    if newest is not None:
        assert age >= (now.ros_ns - newest) / S - 1e-9
        assert age >= (now.steady_ns - first[newest].steady_ns) / S - 1e-9


def test_forgetting_lets_older_stamps_begin_again():
    gate = ObservationGate()
    gate.admit(stamp(1.0), at(1.0), 0.05)
    gate.reset()
    assert gate.age_s(at(1.0)) is None
    assert gate.admit(stamp(0.5), at(1.0), 0.05) is None


def test_a_plan_that_comes_late_while_ros_time_stands_still_is_as_old_as_that_is_long():
    gate = ObservationGate()
    for late_ms in range(0, 401, 20):  # the guard looks at the clocks every period
        gate.clock_jump(ClockReading(ROS, STEADY + late_ms * 1_000_000), 0.5)
    arrival = ClockReading(ROS, STEADY + round(0.4 * S))
    assert gate.admit(stamp(0.0), arrival, 0.05) is None
    assert gate.age_s(arrival) == pytest.approx(0.4)
    assert gate.too_old(arrival, 0.3).name == "observation too old"
