"""A round of some faults in real processes: the promises that do not depend on how busy the machine is."""

import json
import os
import subprocess
import sys

import pytest

pytest.importorskip("torch")

from wm_ros.runs.faults.campaign import run_rounds
from wm_ros.runs.faults.catalogue import FAULTS, STATE_FAULTS

# What the guard must say, where that is one thing; of two, whichever came first: the plan or the tick.
IN_REAL_TIME = {
    "pipeline killed": None,
    "memory exhausted": None,
    "camera freezes": ("observation too old",),
    "camera participant restarted": None,
}
IN_SIMULATED_TIME = {"clock jumps back": ("clock jump", "future stamp")}


@pytest.mark.parametrize(
    "faults", [IN_REAL_TIME, IN_SIMULATED_TIME], ids=["in real time", "in simulated time"]
)
def test_a_round_of_some_faults_ends_at_zero_within_the_limits_and_stays_there(domain, faults):
    found = []
    run_rounds(list(faults), 1, 1, 0, domain, found.append)
    assert [one.fault for one in found] == list(faults)
    for one in found:
        assert one.last_is_zero, one
        assert one.seconds_to_zero is not None, one
        assert one.out_of_limits == 0, one
        assert not one.moved_without_start, one
        assert one.commands > 5
        assert faults[one.fault] is None or one.reason in faults[one.fault], one


def test_a_robot_that_is_told_positions_keeps_the_same_promises(domain):
    names = list(STATE_FAULTS)
    found = []
    run_rounds(names, 1, 1, 0, domain, found.append, robot="arm_position")
    assert [one.fault for one in found] == names
    for one in found:
        assert one.last_is_zero, one
        assert one.seconds_to_zero is not None, one
        assert one.out_of_limits == 0, one
        assert not one.moved_without_start, one
    # A target that goes on without joint states runs ahead of the last one: of two reasons, whichever comes first.
    assert {one.reason for one in found} <= {"joint state too old", "robot does not follow"}


def test_a_robot_that_goes_on_does_not_pass_for_one_that_stopped(domain, tmp_path):
    """A fault that is none."""
    code = """if True:
        import sys
        from wm_ros.runs.faults import rig, rounds
        from wm_ros.runs.faults.catalogue import FAULTS, Fault
        FAULTS["none"] = Fault(lambda rig: None, lambda rig: None)
        rig.STILL_S = 1.0
        sys.exit(rounds.main(sys.argv[1]))
        """
    task = json.dumps({"faults": ["none"], "rounds": 1, "seed": 0})
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", code, task], capture_output=True, text=True, env=environment
        )
        (line,) = done.stdout.splitlines()
        result = json.loads(line)
        if not result["reason"]:
            break  # else the guard itself stopped, as plans came too late on a busy machine
    assert result["seconds_to_zero"] is None
    assert not result["last_is_zero"]


def test_every_fault_of_the_promise_is_there():
    assert len(FAULTS) == 22
    assert {name.split()[0] for name in FAULTS} == {
        "pipeline",
        "model",
        "memory",
        "camera",
        "plan",
        "guard",
        "stop",
        "clock",
    }
