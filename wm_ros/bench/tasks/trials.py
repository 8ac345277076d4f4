"""Trials of one policy on disk, a line each, so that a measurement which was ended goes on where it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from wm_ros.robots.profile import RobotProfile
from wm_ros.tasks.lockstep import LockstepOptions, MakePolicy, run_goals
from wm_ros.training.optimise import Report


def run_trials(
    path: Path,
    profile: RobotProfile,
    policy: MakePolicy,
    goals: int,
    seed: int,
    options: LockstepOptions,
    report: Report,
) -> list[dict[str, Any]]:
    """Scores of trials 0 up to `goals` of a seed, as JSON data; those that the file holds are not run again.

    report: called after each trial with how many there are, and the `success` so far.
    """
    done = [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []
    with path.open("a", encoding="utf-8") as file:
        for score in run_goals(profile, policy, goals, seed, options, first=len(done)):
            done.append(vars(score))
            file.write(json.dumps(done[-1]) + "\n")
            file.flush()
            report(len(done), {"success": sum(row["success"] for row in done) / len(done)})
    return done[:goals]
