"""What the guard promises under faults, in figures: rounds in several domains at once, one row per fault."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO, cast

import numpy as np

from wm_ros.robots.profile import RobotProfile
from wm_ros.runs.ros_domain import LAST, free_domain
from wm_ros.safety.guard import GuardOptions

MARGIN_S = 0.1
SETTLE_S = 20.0


class FaultsError(RuntimeError):
    """The rounds could not be done; the message quotes what the processes said."""


@dataclass(frozen=True)
class Round:
    """One fault in a moving robot's system, and the commands to the robot.

    seconds_to_zero: from the fault to the first zero after which all commands are zero, None when there was none.
    breach: the first command out of limits, in words. heard_late_s: how long a command was on its way at most, with
    the listener's own delay, which is not in seconds_to_zero. last_is_zero: commands ended, with a zero.
    moved_without_start: it moved again when all was repaired.
    """

    fault: str
    seconds_to_zero: float | None
    commands: int
    out_of_limits: int
    breach: str
    heard_late_s: float
    last_is_zero: bool
    reason: str
    moved_without_start: bool


def limit_s(profile: RobotProfile) -> float:
    """The promise: the oldest picture a command may be made from, the longest ramp, and 100 ms."""
    speed = np.maximum(profile.high, -profile.low)
    return GuardOptions().max_observation_age_s + float((speed / profile.max_acceleration).max()) + MARGIN_S


def run_rounds(
    faults: Sequence[str],
    rounds: int,
    jobs: int,
    seed: int,
    domain: int | None,
    done: Callable[[Round], None],
    robot: str = "arm",
) -> None:
    """Do so many rounds of each fault, in `jobs` sets of processes side by side, each in a domain of its own.

    domain: ROS_DOMAIN_ID of the first set, None for free ones. done: called with each round. robot: the
    profile, `arm` or `arm_position`. Raises FaultsError when a set gives up.
    """
    shares = [share for share in (faults[job::jobs] for job in range(jobs)) if share]
    with ExitStack() as stack:
        sets = []
        for job, share in enumerate(shares):
            own = stack.enter_context(free_domain()) if domain is None else 1 + (domain + job - 1) % LAST
            sets.append(stack.enter_context(_ProcessSet(share, rounds, seed + job, own, robot)))
        for line in _lines([one.output for one in sets]):
            done(Round(**json.loads(line)))
        for one in sets:
            one.check()


def table(found: Sequence[Round], limit_s: float) -> dict[str, dict[str, object]]:
    """One row per fault, in the order of their first rounds; `kept` is whether every round kept every promise."""
    rows: dict[str, dict[str, object]] = {}
    for name in dict.fromkeys(one.fault for one in found):
        own = [one for one in found if one.fault == name]
        times = [one.seconds_to_zero for one in own if one.seconds_to_zero is not None]
        stopped = len(times) == len(own)
        row: dict[str, object] = {
            "rounds": len(own),
            "worst_s_to_zero": round(max(times), 3) if stopped else None,
            "median_s_to_zero": round(float(np.median(times)), 3) if stopped else None,
            "in_time": sum(time <= limit_s for time in times),
            "commands": sum(one.commands for one in own),
            "out_of_limits": sum(one.out_of_limits for one in own),
            "breach": next((one.breach for one in own if one.breach), ""),
            "heard_late_s": round(max(one.heard_late_s for one in own), 3),
            "last_is_zero": sum(one.last_is_zero for one in own),
            "moved_without_start": sum(one.moved_without_start for one in own),
            "guard_said": Counter(one.reason for one in own).most_common(1)[0][0],
        }
        right = row["in_time"] == row["last_is_zero"] == len(own)
        row["kept"] = right and not row["out_of_limits"] and not row["moved_without_start"]
        rows[name] = row
    return rows


class _ProcessSet:
    """A context manager: the process of one set of nodes, ended in order when it has not ended itself."""

    def __init__(self, faults: Sequence[str], rounds: int, seed: int, domain: int, robot: str) -> None:
        self._task = json.dumps({"faults": list(faults), "rounds": rounds, "seed": seed, "robot": robot})
        self._domain = domain

    def __enter__(self) -> _ProcessSet:
        self._errors = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "wm_ros.runs.faults.rounds", self._task],
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env={
                **os.environ,
                "ROS_DOMAIN_ID": str(self._domain),
                "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
            },
            start_new_session=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(SETTLE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self.output.close()
        self._errors.close()

    @property
    def output(self) -> IO[str]:
        """A line for each round."""
        return cast(IO[str], self._process.stdout)  # it was asked for

    def check(self) -> None:
        """Raise FaultsError when it gave up."""
        if self._process.wait() != 0:
            self._errors.seek(0)
            raise FaultsError(f"a set of processes gave up, is the machine busy? {self._errors.read()}")


def _lines(outputs: Iterable[IO[str]]) -> Iterator[str]:
    """Lines of all outputs as they come, until every one has ended."""
    with selectors.DefaultSelector() as selector:
        for output in outputs:
            selector.register(output, selectors.EVENT_READ, data=output)
        while selector.get_map():
            for key, _ in selector.select():
                line = key.data.readline()
                if line:
                    yield line
                else:
                    selector.unregister(key.fileobj)
