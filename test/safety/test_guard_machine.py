"""The guard as a machine that anything may happen to, in any order, with clocks that jump and limits that change."""

from dataclasses import replace

import numpy as np
from fuzz import cases
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from wm_ros.messages.plan import Plan
from wm_ros.robots.profile import load_profile
from wm_ros.safety.guard import Guard, GuardOptions, GuardState
from wm_ros.safety.observation_gate import ClockReading
from wm_ros.safety.stop_reason import StopReason

ARM = load_profile("arm")
S = 1_000_000_000
PERIOD_S = 1.0 / ARM.command.rate_hz
SILENT = (GuardState.IDLE, GuardState.WAITING, GuardState.STOPPED)
RATES = st.lists(st.floats(-9.0, 9.0), min_size=2, max_size=2)


class AnyGuard(RuleBasedStateMachine):
    """`moving` is the command the robot carries out; a driver stops it after command.timeout_s without one."""

    @initialize(heartbeat_s=st.sampled_from([0.0, 0.3]), hold_s=st.sampled_from([0.0, 0.1, 1.0]))
    def begin(self, heartbeat_s, hold_s):
        self.now = ClockReading(1_700_000_000 * S, 4_000 * S)
        self.guard = Guard(ARM, GuardOptions(stop_heartbeat_timeout_s=heartbeat_s, stop_hold_s=hold_s))
        self.moving = np.zeros(2)
        self.newest_ns = None  # stamp of the newest plan that was taken
        self.taken_ns = 0  # steady time at which a plan of that stamp was first taken
        self.latched = False

    def tick(self, dt_s, ros_dt_s):
        self.now = ClockReading(self.now.ros_ns + round(ros_dt_s * S), self.now.steady_ns + round(dt_s * S))
        command, before = self.guard.tick(self.now), self.moving
        if command is None:
            assert not before.any() or dt_s > ARM.command.timeout_s, "silence while the robot moves"
            assert self.guard.state in SILENT
            self.moving = np.zeros(2)
            return
        command = np.array(command)
        assert self.guard.state not in SILENT
        assert np.isfinite(command).all()
        assert (ARM.low <= command).all()
        assert (command <= ARM.high).all()
        if dt_s > ARM.command.timeout_s and before.any():
            assert not command.any(), "a robot whose driver has stopped it begins at rest"
        else:
            step_s = min(dt_s, PERIOD_S)
            assert (abs(command - before) <= ARM.max_acceleration * step_s * (1 + 1e-9) + 1e-12).all()
        if self.latched or self.too_old() or self.guard.blocking_reason:
            assert (abs(command) <= abs(before) + 1e-12).all(), "faster though it must stop"
        self.moving = command

    def too_old(self):
        if self.newest_ns is None:
            return True
        limit_ns = self.guard.options.max_observation_age_s * S
        return self.now.ros_ns - self.newest_ns > limit_ns or self.now.steady_ns - self.taken_ns > limit_ns

    @rule(count=st.integers(1, 20))
    def ticks_on_time(self, count):
        for _ in range(count):
            self.tick(PERIOD_S, PERIOD_S)

    @rule(dt_s=st.floats(0.0, 2.0), drift_s=st.floats(-3.0, 3.0) | st.just(0.0))
    def tick_late_with_a_clock_that_jumps(self, dt_s, drift_s):
        self.tick(dt_s, dt_s + drift_s)

    @rule(count=st.integers(1, 30))
    def ros_time_stands_still(self, count):
        for _ in range(count):
            self.tick(PERIOD_S, 0.0)

    @rule(rates=RATES, age_s=st.floats(-0.2, 0.6), length_s=st.floats(0.01, 2.0))
    def plan(self, rates, age_s, length_s):
        stamp_ns = self.now.ros_ns - round(age_s * S)
        armed = self.guard.state not in (GuardState.IDLE, GuardState.STOPPED)
        refused = self.guard.offer(Plan(stamp_ns, ARM.names, [rates, [0.0, 0.0]], [0.0, length_s]), self.now)
        if armed and refused is None and stamp_ns != self.newest_ns:
            self.newest_ns, self.taken_ns = stamp_ns, self.now.steady_ns
        self.latched |= refused is not None and refused.latches and armed

    @rule(rates=RATES)
    def plans_flow_for_a_while(self, rates):
        for _ in range(10):
            self.plan(rates, 0.05, 1.0)
            self.tick(PERIOD_S, PERIOD_S)

    @rule(latches=st.booleans())
    def refuse(self, latches):
        self.guard.refuse(StopReason("invalid plan", "", latches))
        self.latched |= latches and self.guard.state not in (GuardState.IDLE,)

    @rule()
    def stop(self):
        self.guard.stop(StopReason("requested", ""))
        self.latched = True

    @rule(stop=st.booleans())
    def signal(self, stop):
        self.guard.signal(stop, self.now)
        self.latched |= stop

    @rule()
    def start(self):
        armed = self.guard.state in (GuardState.WAITING, GuardState.ACTIVE)
        if self.guard.start(self.now) is None and not armed:
            assert not self.moving.any()
            self.newest_ns, self.latched = None, False

    @rule()
    def reset(self):
        if self.guard.reset() is None:
            assert not self.moving.any()

    @rule(age_s=st.floats(0.05, 1.0), jump_s=st.floats(0.05, 2.0))
    def limits_change(self, age_s, jump_s):
        self.guard.options = replace(self.guard.options, max_observation_age_s=age_s, clock_jump_s=jump_s)

    @rule(there=st.booleans())
    def something_else_speaks_against_moving(self, there):
        self.guard.blocking_reason = StopReason("no pose", "", latches=False) if there else None

    @precondition(lambda self: self.guard.state is GuardState.STOPPED)
    @rule(count=st.integers(1, 60))
    def nothing_moves_a_stopped_robot_but_start(self, count):
        for _ in range(count):
            self.plan([1.0, 1.0], 0.05, 1.0)
            self.tick(PERIOD_S, PERIOD_S)
            assert self.guard.state is GuardState.STOPPED
            assert not self.moving.any()

    @invariant()
    def it_can_say_why_it_stopped(self):
        if self.guard.state in (GuardState.STOPPING, GuardState.HOLDING, GuardState.STOPPED):
            assert self.guard.reason is not None

    def teardown(self):
        if not hasattr(self, "guard"):
            return
        self.guard.stop(StopReason("requested", ""))
        for _ in range(100):
            self.tick(PERIOD_S, PERIOD_S)
        assert self.guard.state in (GuardState.IDLE, GuardState.STOPPED)


TestAnyGuard = AnyGuard.TestCase
TestAnyGuard.settings = cases(60)
