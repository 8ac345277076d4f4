"""Rounds of faults in one domain: move, break something at a random moment, listen, repair, see that all is still.

Run as a process: `python -m wm_ros.runs.faults.rounds '{"faults": [...], "rounds": 3, "seed": 0}'` prints a
line of JSON for each round.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from wm_ros.robots.profile import load_profile
from wm_ros.ros.graph_client import NodeError
from wm_ros.runs.faults.catalogue import faults_of
from wm_ros.runs.faults.rig import Rig

ATTEMPTS = 3  # at getting nodes to run on a machine that may be busy; the rounds done count
LONGEST_WAIT_S = 0.4
AFTERWARDS_S = 0.15  # in which a robot that went on by itself would be heard


def one_round(rig: Rig, name: str, rng: np.random.Generator) -> dict[str, Any]:
    """Inject a fault into a moving robot's system and judge the commands to the robot; see campaign.Round."""
    fault = faults_of(rig.profile)[name]
    fault.prepare(rig)
    rig.move()
    rig.spin(rng.uniform(0.0, LONGEST_WAIT_S))
    while rig.commands.at_rest or rig.guard.state != "active":  # a hiccup of this machine came first
        rig.move()
    since_ns = time.time_ns()
    fault.inject(rig)
    silent = rig.until_silent()
    rig.require_alone()
    if silent and not rig.commands.heard_since(since_ns):
        # It was at rest already, as the rig was not told in time on a busy machine: that says nothing.
        fault.repair(rig)
        rig.await_plans()
        return one_round(rig, name, rng)
    said, violations = rig.commands.count, rig.commands.violations()
    result = {
        "fault": name,
        "seconds_to_zero": rig.commands.seconds_to_zero(since_ns) if silent else None,
        "commands": said,
        "out_of_limits": len(violations),
        "breach": violations[0] if violations else "",
        "heard_late_s": rig.commands.heard_late_s,
        "last_is_zero": silent,
        "reason": rig.guard_status().get("reason", "").partition(":")[0],
    }
    fault.repair(rig)
    rig.await_plans()
    rig.spin(AFTERWARDS_S)
    return {**result, "moved_without_start": rig.commands.moved_since(said)}


def main(argument: str) -> int:
    """Do all rounds of all faults, fault by fault."""
    task = json.loads(argument)
    rng = np.random.default_rng(task["seed"])
    robot = task.get("robot", "arm")
    faults = faults_of(load_profile(robot))
    for simulated_time in (False, True):
        left = [
            name
            for name in task["faults"]
            if faults[name].simulated_time == simulated_time
            for _ in range(task["rounds"])
        ]
        for attempt in range(ATTEMPTS):
            if left:
                with tempfile.TemporaryDirectory(prefix="wm_ros_faults_") as folder:
                    try:
                        _work_off(left, Path(folder), simulated_time, rng, robot)
                    except NodeError as error:
                        logs = "\n".join(
                            log.read_text(errors="replace")[-2000:] for log in Path(folder).glob("*.log")
                        )
                        print(f"attempt {attempt + 1}: {error}\n{logs}", file=sys.stderr)
        if left:
            return 1
    return 0


def _work_off(
    left: list[str], folder: Path, simulated_time: bool, rng: np.random.Generator, robot: str
) -> None:
    """Do the rounds that are left, and take them off the list one by one."""
    with Rig(folder, simulated_time, int(rng.integers(1000)), robot) as rig:
        while left:
            print(json.dumps(one_round(rig, left[0], rng)), flush=True)
            del left[0]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
