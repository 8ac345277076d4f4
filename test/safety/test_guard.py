"""The guard's promises, one named test each, on a clock that the test moves."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wm_ros.messages.plan import Plan
from wm_ros.robots.profile import load_profile
from wm_ros.safety.guard import Guard, GuardOptions
from wm_ros.safety.observation_gate import ClockReading
from wm_ros.safety.stop_reason import StopReason

ARM = load_profile("arm")
S = 1_000_000_000
PERIOD_NS = 20_000_000
ROS, STEADY = 1_700_000_000 * S, 4_000 * S


class Bench:
    """A guard with its clocks, a planner that can be switched off, and every command put out."""

    def __init__(self, **options):
        self.guard = Guard(ARM, GuardOptions(**options))
        self.now = ClockReading(ROS, STEADY)
        self.rate = np.array([1.0, -0.5])
        self.planning = True
        self.commands = []

    def plan(self, age_s=0.1, length_s=1.0, rates=None):
        stamp_ns = self.now.ros_ns - round(age_s * S)
        rates = self.rate if rates is None else rates
        return Plan(stamp_ns, ARM.names, np.array([rates, rates * 0]), np.array([0.0, length_s]))

    def step(self, count=1, dt_ns=PERIOD_NS, ros_dt_ns=None):
        for _ in range(count):
            self.now = ClockReading(
                self.now.ros_ns + (dt_ns if ros_dt_ns is None else ros_dt_ns), self.now.steady_ns + dt_ns
            )
            if self.planning:
                self.guard.offer(self.plan(), self.now)
            command = self.guard.tick(self.now)
            self.commands.append(None if command is None else np.array(command))
        return self.commands[-1]

    def moving(self):
        """Started and at the planned rate."""
        assert self.guard.start(self.now) is None
        self.step(30)
        np.testing.assert_allclose(self.commands[-1], self.rate, atol=1e-3)
        return self

    def rest(self):
        """Ticks until silence; the commands of that time, each checked to be a clean stop."""
        self.commands.clear()
        before = None
        for _ in range(500):
            command = self.step()
            if command is None:
                break
            if before is not None:
                assert (abs(command) <= abs(before)).all()
                assert (abs(command - before) <= ARM.max_acceleration * 0.02 + 1e-12).all()
            before = command
        assert self.guard.state == "stopped"
        stop = self.commands[:-1]
        assert not stop[-1].any()
        return stop


def test_no_command_before_start_and_none_before_the_first_valid_plan():
    bench = Bench()
    assert bench.step(50) is None
    assert bench.guard.state == "idle"
    bench.planning = False
    bench.guard.start(bench.now)
    assert bench.step(50) is None
    assert bench.guard.state == "waiting"
    assert bench.guard.reason.name == "no plan"
    bench.planning = True
    assert bench.step() is not None
    assert bench.guard.state == "active"


def test_a_plan_from_before_start_does_not_count():
    bench = Bench()
    bench.step(5)
    bench.planning = False
    bench.guard.start(bench.now)
    assert bench.step(2) is None


def test_a_plan_too_old_on_arrival_moves_nothing_and_says_why():
    bench = Bench()
    bench.planning = False
    bench.guard.start(bench.now)
    for _ in range(20):
        bench.guard.offer(bench.plan(age_s=0.62), bench.now)
        assert bench.guard.tick(bench.now) is None
        bench.step()
    assert "age 0.6" in bench.guard.reason.text
    assert "raise max_observation_age_s or speed up the planner" in bench.guard.reason.text


def test_plans_are_followed_over_time():
    bench = Bench(max_observation_age_s=5.0)
    bench.planning = False
    bench.guard.start(bench.now)
    rates = np.array([[1.0, 0.0], [-1.0, 0.5], [0.0, 0.0]])
    bench.guard.offer(Plan(bench.now.ros_ns, ARM.names, rates, np.array([0.0, 1.0, 2.0])), bench.now)
    np.testing.assert_allclose(bench.step(45), rates[0], atol=1e-3)
    np.testing.assert_allclose(bench.step(50), rates[1], atol=1e-3)
    bench.step(6)
    assert bench.guard.reason.name == "plan ended"
    assert bench.guard.state == "stopping"


def test_the_stop_is_a_ramp_to_zero_then_zeros_for_a_second_then_silence():
    bench = Bench().moving()
    bench.guard.stop(StopReason("requested", "by ~/stop"))
    stop = bench.rest()
    ramp = [command for command in stop if command.any()]
    assert len(ramp) == round(1.0 / ARM.max_acceleration[0] / 0.02) - 1
    assert len(stop) - len(ramp) == 51  # the end of the ramp and one second of zeros
    assert bench.step(100) is None
    assert bench.guard.reason.name == "requested"


@pytest.mark.parametrize("hold_s", [0.0, 0.1, 3.0])
def test_the_last_command_is_zero_however_short_the_hold(hold_s):
    bench = Bench(stop_hold_s=hold_s).moving()
    bench.guard.stop(StopReason("requested", ""))
    zeros = [command for command in bench.rest() if not command.any()]
    assert len(zeros) == 1 + round(hold_s / 0.02)


def test_a_planner_that_falls_silent_stops_the_robot_within_the_age_limit():
    bench = Bench().moving()
    bench.planning = False
    count = 0
    while bench.guard.state == "active":
        bench.step()
        count += 1
    assert count == 11  # plans were 0.1 s old, the limit is 0.3 s
    assert bench.guard.reason.name == "observation too old"
    bench.rest()


def test_a_frozen_picture_stops_the_robot_though_plans_keep_coming():
    bench = Bench().moving()
    bench.planning = False
    frozen = bench.plan()
    for _ in range(12):
        bench.guard.offer(replace(frozen, rates=frozen.rates * 0.5), bench.now)
        bench.step()
    assert bench.guard.state == "stopping"
    assert bench.guard.reason.name == "observation too old"


def test_a_frozen_picture_stops_the_robot_even_if_the_ros_clock_freezes_too():
    bench = Bench(clock_jump_s=10.0).moving()
    bench.planning = False
    bench.step(13, ros_dt_ns=0)
    assert bench.guard.state == "stopping"
    assert bench.guard.reason.name == "observation too old"


def test_after_a_hiccup_the_robot_goes_on_while_it_is_still_stopping_or_holding():
    for pause in (13, 40):
        bench = Bench().moving()
        bench.planning = False
        bench.step(pause)
        assert bench.guard.state == ("stopping" if pause == 13 else "holding")
        bench.planning = True
        bench.step()
        assert bench.guard.state == "active"
        assert bench.guard.resumed == 1
        assert bench.guard.reason is None


def test_a_hiccup_longer_than_the_hold_needs_start():
    bench = Bench().moving()
    bench.planning = False
    bench.rest()
    bench.planning = True
    assert bench.step(20) is None
    assert bench.guard.start(bench.now) is None
    assert bench.step() is not None


def future(bench):
    bench.guard.offer(bench.plan(age_s=-0.2), bench.now)


def invalid(bench):
    bench.guard.refuse(StopReason("invalid plan", "NaN"))


def stop_topic(bench):
    bench.guard.signal(True, bench.now)


def clock_jump(bench):
    bench.step(ros_dt_ns=2 * S)


def clock_jump_back(bench):
    bench.planning = False  # a plan stamped now would be refused first, as older than the one before
    bench.step(ros_dt_ns=-2 * S)


def clock_reset(bench):
    bench.planning = False
    bench.step(ros_dt_ns=-bench.now.ros_ns)


def held_up(bench):
    bench.step(dt_ns=round(0.4 * S))


def requested(bench):
    bench.guard.stop(StopReason("requested", "by ~/stop"))


@pytest.mark.parametrize(
    ("cause", "name"),
    [
        (future, "future stamp"),
        (invalid, "invalid plan"),
        (stop_topic, "stop topic"),
        (clock_jump, "clock jump"),
        (clock_jump_back, "clock jump"),
        (clock_reset, "clock jump"),
        (held_up, "guard held up"),
        (requested, "requested"),
    ],
)
def test_every_other_reason_latches_at_once_and_only_start_ends_it(cause, name):
    bench = Bench().moving()
    cause(bench)
    bench.planning = True
    assert bench.guard.reason.name == name
    bench.rest()
    assert bench.step(50) is None
    assert bench.guard.reason.name == name
    bench.guard.signal(False, bench.now)
    assert bench.guard.start(bench.now) is None
    assert bench.step(2) is not None


def test_a_guard_that_was_held_up_longer_than_the_driver_waits_begins_at_zero():
    bench = Bench().moving()
    held_up(bench)
    assert not bench.commands[-1].any()


def test_the_first_latched_reason_stays_and_outlives_a_hiccup():
    bench = Bench().moving()
    bench.planning = False
    bench.step(13)
    assert not bench.guard.reason.latches
    bench.guard.signal(True, bench.now)
    bench.guard.stop(StopReason("requested", ""))
    bench.planning = True
    bench.rest()
    assert bench.guard.reason.name == "stop topic"


def test_stopping_while_waiting_is_silent():
    bench = Bench()
    bench.planning = False
    bench.guard.start(bench.now)
    bench.guard.stop(StopReason("requested", ""))
    bench.planning = True
    assert bench.step(100) is None
    assert bench.guard.state == "stopped"


def test_stamps_going_backwards_are_dropped():
    bench = Bench().moving()
    bench.planning = False
    refusal = bench.guard.offer(bench.plan(age_s=0.25, rates=np.array([-1.0, -1.0])), bench.now)
    assert refusal.name == "stamp going backwards"
    np.testing.assert_allclose(bench.step(), bench.rate, atol=1e-3)
    assert bench.guard.plans_refused == 1


def test_a_lost_stop_heartbeat_stops_and_its_absence_forbids_start():
    bench = Bench(stop_heartbeat_timeout_s=0.2)
    assert bench.guard.start(bench.now).name == "stop heartbeat lost"
    assert bench.guard.state == "idle"
    bench.guard.signal(False, bench.now)
    assert bench.guard.start(bench.now) is None
    for _ in range(20):
        bench.step()
        bench.guard.signal(False, bench.now)
    assert bench.guard.state == "active"
    bench.step(11)
    assert bench.guard.reason.name == "stop heartbeat lost"
    assert "nothing on `stop` for 0.22 s, limit 0.2 s" in bench.guard.reason.text
    bench.guard.signal(False, bench.now)
    bench.rest()


def test_start_is_refused_while_the_stop_topic_says_true_or_a_stop_is_under_way():
    bench = Bench().moving()
    bench.guard.signal(True, bench.now)
    assert bench.guard.start(bench.now).name == "still stopping"
    bench.rest()
    assert bench.guard.start(bench.now).name == "stop topic"
    bench.guard.signal(False, bench.now)
    assert bench.guard.start(bench.now) is None
    assert bench.guard.start(bench.now) is None  # already armed


def test_reset_forgets_the_reason_but_does_not_stop_a_moving_robot():
    bench = Bench().moving()
    assert bench.guard.reset().name == "not stopped"
    bench.guard.stop(StopReason("requested", ""))
    bench.rest()
    assert bench.guard.reset() is None
    assert bench.guard.state == "idle"
    assert bench.guard.reason is None
    assert bench.step(20) is None


def test_a_driver_timeout_shorter_than_two_periods_is_refused():
    fragile = replace(ARM, command=replace(ARM.command, timeout_s=0.03))
    with pytest.raises(ValueError, match=r"command.timeout_s 0.03 .* shorter than two periods"):
        Guard(fragile)


events = st.sampled_from(
    ["tick"] * 8
    + ["plan"] * 4
    + ["old plan", "future plan", "invalid", "stop", "start", "reset", "signal true", "signal false"]
    + ["late tick", "held up", "ros jump", "hiccup"]
)


@given(
    sequence=st.lists(st.tuples(events, st.floats(-5.0, 5.0), st.floats(-5.0, 5.0)), max_size=150),
    heartbeat_s=st.sampled_from([0.0, 0.5]),
)
@settings(max_examples=200, deadline=None)
def test_whatever_happens_commands_keep_their_limits_and_silence_begins_only_at_rest(sequence, heartbeat_s):
    bench = Bench(stop_heartbeat_timeout_s=heartbeat_s)
    bench.planning = False
    guard = bench.guard
    guard.signal(False, bench.now)
    guard.start(bench.now)
    last, paused_s = np.zeros(2), 0.0
    for event, *rates in sequence:
        ticks, dt_ns, ros_dt_ns = 0, PERIOD_NS, None
        if event == "plan":
            guard.offer(bench.plan(rates=np.array(rates)), bench.now)
            ticks = 3
        elif event in ("old plan", "future plan"):
            guard.offer(bench.plan(age_s=0.6 if event == "old plan" else -0.3), bench.now)
        elif event == "invalid":
            guard.refuse(StopReason("invalid plan", ""))
        elif event == "stop":
            guard.stop(StopReason("requested", ""))
        elif event == "start":
            guard.start(bench.now)
        elif event == "reset":
            guard.reset()
        elif event.startswith("signal"):
            guard.signal(event == "signal true", bench.now)
        else:
            ticks = 20 if event == "hiccup" else 1
            dt_ns = {"late tick": 3 * PERIOD_NS, "held up": S}.get(event, PERIOD_NS)
            ros_dt_ns = 3 * S if event == "ros jump" else None
        for _ in range(ticks):
            silent_before = not guard.publishing
            command = bench.step(dt_ns=dt_ns, ros_dt_ns=ros_dt_ns)
            paused_s = dt_ns / S
            if command is None:
                assert not last.any(), "silence while the robot moves"
                continue
            assert np.isfinite(command).all()
            assert (ARM.low <= command).all()
            assert (command <= ARM.high).all()
            if silent_before:
                assert not last.any()
            if paused_s <= ARM.command.timeout_s:
                assert (abs(command - last) <= ARM.max_acceleration * 0.02 + 1e-12).all()
            else:
                assert not command.any()
            last = command
    guard.stop(StopReason("requested", ""))
    bench.step(100)
    assert bench.commands[-1] is None
    last = [last, *(command for command in bench.commands[-100:] if command is not None)][-1]
    assert not last.any()
