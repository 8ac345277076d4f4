"""Processes die and hang; the robot stops, by a ramp within its limits, and the last word is zero."""

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from fake_planner import RATES
from guard_rig import Rig

GUARD = "wm_ros.nodes.guard_node"


@pytest.fixture
def rig(ros):
    return Rig(ros)


def drive(rig, processes, **parameters):
    """A guard and a planner in processes of their own, and the robot at speed."""
    planner = processes.start("fake_planner")
    guard = processes.start(GUARD, {"autostart": True, "enable_control": True, **parameters})
    rig.until_status("idle: call ~/start")
    rig.start()
    rig.until_at(RATES)
    return guard, planner


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
def test_a_planner_that_hangs_or_is_killed_stops_the_robot(rig, processes, number):
    guard, planner = drive(rig, processes)
    since_s = time.monotonic()
    planner.send(number)
    rig.ros.until(lambda: not rig.commands[-1].any(), "standstill")
    # Age limit 0.3 s and a ramp of 1.2 / 10 s; the rest is for a machine so busy that every tick is late.
    assert rig.times_s[-1] - since_s < 0.3 + 0.12 + 1.5
    rig.until_silent()
    rig.check_stop()
    rig.until_status("observation too old")
    if number == signal.SIGSTOP:
        count = len(rig.commands)
        planner.send(signal.SIGCONT)
        rig.ros.spin_for(0.5)
        assert len(rig.commands) == count, "a planner that came back moved the robot without ~/start"
    assert guard.running()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_guard_ends_in_a_ramp_and_zeros_and_exit_code_zero(rig, processes, number):
    guard, _ = drive(rig, processes)
    guard.send(number)
    rig.until_silent()
    rig.check_stop()
    assert guard.wait() == 0


def test_a_second_signal_does_not_cut_the_stop_short(rig, processes):
    guard, _ = drive(rig, processes)
    guard.send(signal.SIGINT)
    count = len(rig.commands)
    rig.ros.until(lambda: len(rig.commands) > count + 2, "the beginning of the stop")
    guard.send(signal.SIGINT)
    guard.send(signal.SIGTERM)
    rig.until_silent()
    rig.check_stop()
    assert guard.wait() == 0


def test_a_guard_that_was_frozen_longer_than_the_driver_s_timeout_says_only_zero(rig, processes):
    guard, _ = drive(rig, processes)
    guard.send(signal.SIGSTOP)
    rig.until_silent(quiet_s=0.6)  # the driver's timeout is 0.25 s
    count = len(rig.commands)
    guard.send(signal.SIGCONT)
    rig.ros.until(lambda: len(rig.commands) > count + 10, "the guard's return")
    rig.until_silent()
    assert not np.array(rig.commands[count:]).any()
    rig.until_status("guard held up: no command for 0.")


def test_a_guard_started_again_after_a_crash_waits_for_start(rig, processes):
    guard, _ = drive(rig, processes, stop_hold_s=0.2)
    guard.send(signal.SIGKILL)  # nothing can be sent then: the driver's own timeout stops the robot
    guard.wait()
    rig.until_silent()
    count = len(rig.commands)
    rig.statuses.clear()
    processes.start(GUARD, {"autostart": True, "enable_control": True})
    rig.until_status("idle: call ~/start")
    rig.ros.spin_for(0.5)
    assert len(rig.commands) == count


def test_the_guard_costs_little_cpu(rig, processes):
    guard, _ = drive(rig, processes)
    before_s, since_s = _cpu_s(guard.pid), time.monotonic()
    rig.ros.spin_for(3.0)
    share = (_cpu_s(guard.pid) - before_s) / (time.monotonic() - since_s)
    assert share < 0.12, share  # about 0.04 on an idle machine; a busy one counts more for the same work


def _cpu_s(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
