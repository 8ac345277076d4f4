"""Velocities become joint targets: begun where the robot is, within ranges and limits, on a leash, still at zero."""

import numpy as np
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wm_ros.messages.plan import Plan
from wm_ros.resources import share_dir
from wm_ros.robots.profile import load_profile, profile_from_dict
from wm_ros.safety.commanded_target import Measured
from wm_ros.safety.guard import Guard
from wm_ros.safety.joint_target import joint_target
from wm_ros.safety.limiter import Limiter
from wm_ros.safety.observation_gate import ClockReading
from wm_ros.safety.stop_reason import StopReason

SO101 = load_profile("so101_position")
PERIOD_S = 1.0 / SO101.command.rate_hz
S = 1_000_000_000
NOW = ClockReading(1_700_000_000 * S, 4_000 * S)
PLACE = (0.1, -0.4, 0.8, 0.3, -1.0, 0.5)
LOW = np.array([part.target.low for part in SO101.action])
HIGH = np.array([part.target.high for part in SO101.action])


def measure(target, place=PLACE, now=NOW):
    return target.update(Measured(tuple(place), now.ros_ns), now, future_tolerance_s=0.05)


@pytest.fixture
def target():
    target = joint_target(SO101)
    assert measure(target) is None
    return target


def test_it_begins_where_the_robot_is_and_zero_repeats_the_target_to_the_bit(target):
    for _ in range(3):
        assert target.advance([0.0] * 6) == PLACE
    moved = target.advance([0.5, 0.0, -0.3, 0.0, 0.0, 0.2])
    np.testing.assert_allclose(np.subtract(moved, PLACE), np.array([0.5, 0, -0.3, 0, 0, 0.2]) * PERIOD_S)
    assert target.advance([0.0] * 6) == moved


def test_silence_forgets_the_target_and_the_next_begins_where_the_robot_is(target):
    target.advance([0.5] * 6)
    measure(target, [0.0] * 6)
    target.reset()
    assert target.advance([0.0] * 6) == (0.0,) * 6


@settings(max_examples=60)
@given(
    wanted=st.lists(st.lists(st.floats(-1.0, 1.0), min_size=6, max_size=6), min_size=1, max_size=6),
    start=st.lists(st.floats(0.0, 1.0), min_size=6, max_size=6),
    dts=st.lists(st.floats(0.001, 0.06), min_size=120, max_size=120),
    stop_at=st.integers(1, 119),
)
# At full speed ticks begin to come early, near the end of a joint's range.
@example(
    wanted=[[0, 0, 0, 0, -1, 0]], start=[0, 0, 0, 0, 0.15, 0], dts=[0.034] * 9 + [0.002] * 111, stop_at=119
)
def test_whatever_is_wanted_targets_keep_range_and_limits_also_through_a_stop(wanted, start, dts, stop_at):
    """Finite differences of what a guard publishes, at its nominal rate, with ticks early and late."""
    guard, target, now = Guard(SO101), joint_target(SO101), NOW
    guard.bound = target.bounded
    place = LOW + np.array(start) * (HIGH - LOW)
    measure(target, place)
    sent = [place]

    def tick(dt_s):
        nonlocal now
        now = ClockReading(now.ros_ns + round(dt_s * S), now.steady_ns + round(dt_s * S))
        if index < stop_at:
            rates = np.array(wanted[index * len(wanted) // stop_at])
            plan = Plan(now.ros_ns - 1, SO101.names, np.array([rates, 0.0 * rates]), np.array([0.0, 1.0]))
            assert guard.offer(plan, now) is None
        velocity = guard.tick(now)
        if velocity is not None:
            sent.append(np.array(target.advance(velocity)))
            measure(target, sent[-1])  # it follows
        return velocity

    index = 0
    tick(PERIOD_S)
    assert guard.start(now) is None
    for index, dt_s in enumerate(dts):
        if index == stop_at:
            guard.stop(StopReason("test", "to see it stop"))
        tick(dt_s)
    while tick(PERIOD_S) is not None:
        pass
    sent = np.array(sent)
    assert len(sent) > stop_at
    rates = np.diff(sent, axis=0) / PERIOD_S
    assert (sent >= LOW - 1e-9).all()
    assert (sent <= HIGH + 1e-9).all()
    assert (rates >= SO101.low - 1e-9).all()
    assert (rates <= SO101.high + 1e-9).all()
    changes = abs(np.diff(np.vstack([np.zeros(6), rates]), axis=0)) / PERIOD_S
    assert (changes <= SO101.max_acceleration * (1.0 + 1e-9) + 1e-6).all()
    np.testing.assert_array_equal(sent[-1], sent[-2])


def test_a_joint_comes_to_the_end_of_its_range_and_rests_there(target):
    limiter = Limiter(SO101, PERIOD_S)
    for _ in range(300):
        place = target.advance(limiter.track(target.bounded([0.8, 0, 0, 0, 0, 0]), PERIOD_S))
        measure(target, place)
    assert HIGH[0] - 0.01 < place[0] <= HIGH[0]


def test_a_robot_beyond_its_range_is_not_pulled_back_at_once_but_may_come_back(target):
    measure(target, [2.2, *PLACE[1:]])
    assert target.bounded([0.5, 0, 0, 0, 0, 0])[0] == 0.0
    assert target.advance([0.0] * 6)[0] == 2.2
    assert target.bounded([-0.5, 0, 0, 0, 0, 0])[0] == -0.5
    assert target.advance([-0.5, 0, 0, 0, 0, 0])[0] == pytest.approx(2.2 - 0.5 * PERIOD_S)


def test_a_joint_that_does_not_follow_is_on_its_leash(target):
    steps = 0
    while target.following_error() is None:
        target.advance([0, 0, 0, 0.8, 0, 0])
        steps += 1
    assert steps == pytest.approx(0.35 / 0.8 / PERIOD_S, abs=1.1)
    found = target.following_error()
    assert "wrist_flex is 0.3" in found.text
    assert "target.leash of wrist_flex allows 0.35 rad" in found.text
    assert found.latches


def test_a_gripper_that_holds_a_thing_presses_no_harder_than_its_leash_and_stops_nothing(target):
    limiter = Limiter(SO101, PERIOD_S)
    for _ in range(200):
        place = target.advance(limiter.track(target.bounded([0, 0, 0, 0, 0, -1.0]), PERIOD_S))
    assert place[5] == pytest.approx(0.25, abs=0.01)  # a leash of .25 below the measured .5
    assert target.following_error() is None


def test_without_a_measured_state_nothing_moves_and_an_old_one_is_named():
    target = joint_target(SO101)
    assert target.missing_state(NOW).name == "no joint state"
    with pytest.raises(RuntimeError, match="begins at a measured joint state"):
        target.advance([0.0] * 6)
    measure(target)
    assert target.missing_state(NOW) is None
    later = ClockReading(NOW.ros_ns + S, NOW.steady_ns + S)
    assert "1.00 s on joint_states > command.leash.max_age_s 0.2 s" in target.missing_state(later).text


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nothing_that_is_not_finite_becomes_a_target(target, bad):
    with pytest.raises(ValueError, match="is not finite"):
        target.advance([0.0, bad, 0.0, 0.0, 0.0, 0.0])


def test_a_robot_of_velocities_has_no_joint_target():
    with pytest.raises(
        ValueError, match="so101 is not told positions: its commands are of the kind velocity"
    ):
        joint_target(load_profile("so101"))


def changed(**entries):
    data = yaml.safe_load((share_dir() / "config" / "robots" / "so101_position.yaml").read_text())
    data["action"][0] |= entries
    return profile_from_dict(data)


def test_messages_and_sets_count_in_the_units_of_the_profile():
    degrees = changed(target={"unit": "deg", "min": -110, "max": 110, "leash": 0.3}).action[0].target
    assert (degrees.low, degrees.high) == pytest.approx((-1.9199, 1.9199), abs=1e-4)
    assert degrees.from_message(90.0) == pytest.approx(np.pi / 2)
    assert degrees.to_message(np.pi / 2) == pytest.approx(90.0)
    assert degrees.from_lerobot(90.0) == pytest.approx(np.pi / 2)
    assert degrees.from_state(1.0) == 1.0
    ranged = changed(target={"min": -1.0, "max": 3.0, "leash": 0.3, "lerobot_unit": "-100..100"}).action[0]
    assert [ranged.target.from_lerobot(value) for value in (-100, 0, 100)] == [-1.0, 1.0, 3.0]
    gripper = SO101.action[5].target
    assert [gripper.from_lerobot(value) for value in (0, 100)] == [0.0, 1.0]
    for target in (degrees, ranged.target, gripper):
        for value in (-3.0, 0.0, 42.0):
            assert target.to_lerobot(target.from_lerobot(value)) == pytest.approx(value)
    assert [gripper.from_message(value) for value in (-0.17, 1.75)] == [0.0, 1.0]
    assert gripper.to_message(1.0) == pytest.approx(1.75)
    assert gripper.from_state(1.75) == pytest.approx(1.0)
