"""Whether the right thing moved: places read from what is imagined, against where the simulator puts them.

The simulator is placed in the state that was measured at clip B's first frame and is given the commands that were
recorded in clip A: what then moves is what ought to. Where things are in an imagined state a probe says, which learned
from the measured states of the episodes to fit on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from wm_ros.evaluation.config import EvaluationConfig
from wm_ros.evaluation.dataset.measured import no_simulation
from wm_ros.evaluation.studies.statistics import Statistics, explained_interval
from wm_ros.evaluation.transfer.checks import ratio_of
from wm_ros.evaluation.transfer.clips import Video
from wm_ros.evaluation.transfer.imagined import Carried
from wm_ros.evaluation.transfer.places import (
    Parts,
    Places,
    fitted_rows,
    has_states,
    places_probe,
    states_of,
    ways,
)
from wm_ros.models.world_model import WorldModel
from wm_ros.robots.profile import RobotProfile, differences
from wm_ros.tasks.protocol import Simulator
from wm_ros.tasks.simulated import simulated, task_of

STEPS = 3000
# Of the longest tenth of the ways that a thing goes: less than this share of them counts as standing still.
STILL_SHARE = 0.1
MOVED_SHARE = 0.5  # and at least this share as moving
LEAST_FITTED = 20  # frames


def moved(
    model: WorldModel, config: EvaluationConfig, first: Video, second: Video, carried: Sequence[Carried]
) -> dict[str, Any]:
    """R2 of the ways of each part over the clip, with controls, and what moves that ought not to; or `left_out`, and
    why.

    Against the simulator: `carried`, B under clip A's latent actions; `commanded`, under A's commands by the model's
    controller; and as controls `another clip's` and `no motion`. `recorded` is what the probe reads of B's recorded
    clips against what was measured there, the best that can be asked for. `as in A` compares `carried` with A's own
    ways instead: high where a latent action means a way in the picture and not what the robot is told.
    """
    profile = config.profile
    held = first.held & np.isfinite(first.actions).all(axis=(1, 2)) & has_states(first)
    for some in carried:
        there = second[some.other]
        held &= there.held & has_states(there)
    if reason := skip_reason(model.card.robot, profile, first, second, held):
        return {"left_out": reason}
    robot = simulated(profile)
    parts = task_of(profile, robot).parts
    where = places_probe(second.dataset, parts, config.steps(STEPS))
    first, actions = first[held], first.actions[held]
    found: dict[str, list[Places]] = {}
    truths: list[Places] = []
    for seed, every in enumerate(carried):
        some = every.of_clips(torch.from_numpy(np.flatnonzero(held)))
        begins = states_of(second[some.other])[:, 0]
        try:
            ends = driven(robot.simulator(), begins, actions, profile.model_dt)
        except ValueError as error:  # a model step that is no multiple of the simulator's
            return {"left_out": str(error)}
        truths.append(ways(parts(ends), parts(begins)))
        start = some.there[:, 0]
        states = {
            "carried": some.there[:, -1],
            "commanded": model.rollout(start, torch.from_numpy(actions))[:, -1],
            "another clip's": some.borrowed[:, -1],
            "no motion": start,
        }
        for name, last in states.items():
            found.setdefault(name, []).append(ways(where(last, seed), where(start, seed)))
    asked = second[second.held & has_states(second)]
    read = [
        ways(where(asked.latents[:, -1], seed), where(asked.latents[:, 0], seed))
        for seed in range(len(carried))
    ]
    in_a, in_b = _measured_ways(parts, first), _measured_ways(parts, asked)
    by_part: dict[str, Any] = {}
    for part in in_a:
        due = [truth[part] for truth in truths]
        groups = first.clips.groups
        own = way_r2([in_b[part]] * len(read), [way[part] for way in read], asked.clips.groups)
        scores = {"recorded": own}
        for name, by_seed in found.items():
            scores[name] = way_r2(due, [way[part] for way in by_seed], groups)
        alike = way_r2([in_a[part]] * len(due), [way[part] for way in found["carried"]], groups)
        astray = _astray(part, in_a, truths, found, in_b, read)
        by_part[part] = {"r2": {**scores, "as in A": alike}, "astray": astray}
    return {"clips": int(held.sum()), "parts": by_part}


def _measured_ways(parts: Parts, video: Video) -> Places:
    """How far each part was measured to go in clips that have states."""
    states = states_of(video)
    return ways(parts(states[:, -1]), parts(states[:, 0]))


def skip_reason(
    trained: RobotProfile, profile: RobotProfile, first: Video, second: Video, held: np.ndarray
) -> str | None:
    """Why nobody knows what ought to move, None where that is known."""
    if found := differences(trained, profile):
        return f"the checkpoint is for robot {trained.name!r}, which differs from this profile: {'; '.join(found)}"
    if reason := no_simulation(profile):
        return reason
    bags = [*first.dataset.bags, *second.dataset.bags]
    reasons = {bag.info["no_states"] for bag in bags if bag.info["no_states"]}
    if held.sum() < 2:
        few = "it needs commands and measured states in two held-out episodes, to take from and to apply in"
        return "; ".join([few, *sorted(reasons)])
    if sum(len(rows) for _, rows in fitted_rows(second.dataset)) < LEAST_FITTED:
        return "; ".join(["too few frames of episodes to fit on have a measured state", *sorted(reasons)])
    return None


def driven(simulator: Simulator, states: np.ndarray, actions: np.ndarray, period_s: float) -> np.ndarray:
    """Where commands [C, T, A], each held for a period, lead from rest in states [C, P]: states [C, P].

    ValueError where the period is no multiple of the simulator's time step.
    """
    ends = []
    for state, commands in zip(states, actions, strict=True):
        simulator.place(state)
        for command in commands:
            simulator.step(command, period_s)
        ends.append(simulator.positions.copy())
    return np.stack(ends)


def way_r2(true: Sequence[np.ndarray], found: Sequence[np.ndarray], groups: np.ndarray) -> Statistics | None:
    """R2 of ways [C, K], all their numbers together, mean of the draws; None where nothing ought to move."""
    errors = [np.square(one - other).sum(axis=1) for one, other in zip(true, found, strict=True)]
    wholes = [np.square(one - one.mean(axis=0)).sum(axis=1) for one in true]
    if not all(whole.sum() > 0.0 for whole in wholes):
        return None
    mean = np.mean(wholes, axis=0)
    # A share of each draw's own variation, on one scale, so that one ratio has an interval over episodes.
    scaled = [error * (mean.sum() / whole.sum()) for error, whole in zip(errors, wholes, strict=True)]
    share = ratio_of(scaled, mean, groups)
    if share is None:
        return None
    return {
        "mean": round(1.0 - share["mean"], 4),
        "interval": explained_interval(share),
        "episodes": share["episodes"],
        "by_seed": [round(1.0 - value, 4) for value in share["by_seed"]],
    }


def _astray(
    part: str,
    in_a: Places,
    truths: Sequence[Places],
    found: Mapping[str, Sequence[Places]],
    in_b: Places,
    read: Sequence[Places],
) -> dict[str, Any] | None:
    """Mean lengths of ways where the part moved in A and, by the simulator, ought to stay still in B; None without any.

    `in_a`: what it did in A. `ought` and `imagined`, or imagined from A's commands, `commanded`: in B. `unmoved`: what
    the probe reads of it in recorded clips in which it stays still, its error; None without any.
    """
    length = np.linalg.norm(in_a[part], axis=1)
    far = float(np.quantile(length, 0.9))
    still = STILL_SHARE * far
    moves = length >= MOVED_SHARE * far
    rows = [np.flatnonzero(moves & (np.linalg.norm(truth[part], axis=1) < still)) for truth in truths]
    rests = [np.flatnonzero(np.linalg.norm(in_b[part], axis=1) < still)] * len(read)
    if not far > 0.0 or not any(map(len, rows)):
        return None

    def mean(of: Sequence[Places], chosen: Sequence[np.ndarray]) -> float | None:
        each = [np.linalg.norm(way[part][some], axis=1) for way, some in zip(of, chosen, strict=True)]
        lengths = np.concatenate(each)
        return round(float(lengths.mean()), 4) if len(lengths) else None

    return {
        "clips": sum(map(len, rows)),
        "in_a": mean([in_a] * len(truths), rows),
        "ought": mean(truths, rows),
        "imagined": mean(found["carried"], rows),
        "commanded": mean(found["commanded"], rows),
        "unmoved": mean(read, rests),
    }
