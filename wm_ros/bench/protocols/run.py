"""A protocol on a recording with a model: plans, controls, and the published figures beside, as one table."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from wm_ros.bench.bottlenecks.runs import write_json
from wm_ros.bench.protocols.differences import differences, in_words
from wm_ros.bench.protocols.held_out import asked_episodes
from wm_ros.bench.protocols.plan_log import PlanLog
from wm_ros.bench.protocols.plans import plan
from wm_ros.bench.protocols.protocol import Protocol, ProtocolError
from wm_ros.bench.protocols.starts import Starts, choose_starts
from wm_ros.bench.protocols.table import row
from wm_ros.data.recording import Recording
from wm_ros.data.verdict import beyond_limits
from wm_ros.messages.pose import euler_pose
from wm_ros.models.action_conditioned.model import ActionConditionedModel
from wm_ros.models.world_model import WorldModel
from wm_ros.training.run_identity import require_same

MODEL = "this model"
GRIPPER = 0.0  # open: what V-JEPA 2-AC is told, since poses tell nothing of it
POSE = 7  # numbers of an end effector's place
COMPARED_STARTS = 32

Progress = Callable[[int, int], None]


def run(
    protocol: Protocol,
    model: WorldModel | ActionConditionedModel,
    weights: str,
    recording: Recording,
    names: Sequence[str],
    episodes: int,
    seeds: int,
    out: Path,
    progress: Progress,
) -> dict[str, Any]:
    """Everything that a table says, as JSON data, which is written to `out`; plans that the folder holds are kept.

    weights: which they are, see `weights_digest`; names: what the recordings are called. seeds: plans from each start.
    progress: called with the number of plans that there are, and of all. Raises ProtocolError where the protocol cannot
    be run.
    """
    profile = model.card.robot
    protocol.check(profile)
    _require_commands(recording, in_words(names))
    asked = asked_episodes(recording, model, names)
    starts = choose_starts(recording, protocol.horizon, asked.episodes, episodes)
    if not len(starts):
        raise ProtocolError(f"{in_words(names)}: {_why_no_starts(protocol, recording, asked.episodes)}")
    if isinstance(model, ActionConditionedModel):
        starts = _with_poses(starts)
    what = {
        "protocol": protocol.name,
        "planner": asdict(protocol.planner),
        "model": weights,
        "recordings": list(names),
        "episodes": episodes,
        "starts": _digest(starts, recording),
    }
    require_same(out, out / "protocol.json", what, "measurement", ProtocolError)
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "protocol.json", what)
    plans = _plans(protocol, model, recording, starts, seeds, PlanLog(out / "plans.jsonl"), progress)
    by_row: dict[str, list[np.ndarray]] = {MODEL: plans}
    for seed in range(seeds):
        for name, control in protocol.controls(profile, starts, seed).items():
            by_row.setdefault(name, []).append(control)
    table = {
        "protocol": protocol.name,
        "figures": dict(protocol.figures),
        "starts": len(starts),
        "episodes": len(np.unique(starts.episode)),
        "seeds": seeds,
        "rows": {
            name: row([protocol.errors(profile, starts, some) for some in of_seeds], starts.episode)
            for name, of_seeds in by_row.items()
        },
        "published": {name: dict(known) for name, known in protocol.published.items()},
        "differs": [*differences(protocol, model, recording, starts, names), asked.sentence],
    }
    write_json(out / "table.json", table)
    return table


def _plans(
    protocol: Protocol,
    model: WorldModel | ActionConditionedModel,
    recording: Recording,
    starts: Starts,
    seeds: int,
    log: PlanLog,
    progress: Progress,
) -> list[np.ndarray]:
    """Plans [C, H, A] of each seed."""
    total = seeds * len(starts)
    for start, rows in enumerate(starts.rows):
        left = [seed for seed in range(seeds) if (start, seed) not in log.plans]
        if left:
            frames = torch.from_numpy(recording.frames[rows[[0, -1]]].copy()).to(model.device)
            with torch.inference_mode():
                here, goal = model.encode(frames)
            if isinstance(model, ActionConditionedModel) and starts.places is not None:
                model.at(euler_pose(starts.places[start, 0], GRIPPER))
        for seed in left:
            generator = torch.Generator().manual_seed(1_000_003 * seed + start)
            log.add(start, seed, plan(model, here, goal, protocol.planner, generator))
        progress((start + 1) * seeds, total)
    return [np.stack([log.plans[start, seed] for start in range(len(starts))]) for seed in range(seeds)]


def _require_commands(recording: Recording, source: str) -> None:
    profile = recording.profile
    if not len(recording.labelled_episodes):
        because = next((f" ({note})" for note in recording.notes if "commands" in note), "")
        raise ProtocolError(
            f"{source} has no commands or poses that profile {profile.name} finds ({profile.action_source}), and the "
            f"protocol compares plans with them{because}. Give a recording that has them; `wm_ros inspect` tells what "
            "is in it"
        )
    if reason := beyond_limits(recording):
        raise ProtocolError(f"{source}: {reason}")


def _why_no_starts(protocol: Protocol, recording: Recording, episodes: np.ndarray) -> str:
    profile = recording.profile
    longest_s = max(
        (recording.stamps_ns[episode.stop - 1] - recording.stamps_ns[episode.start]) * 1e-9
        for episode in (recording.episodes[index] for index in episodes)
    )
    needed_s = protocol.horizon * profile.model_dt
    found = f"the longest of {len(episodes)} episodes with commands lasts {longest_s:.2f} s"
    if longest_s >= needed_s:
        return (
            f"{found}, but its frames, {recording.camera_rate_hz:.3g} a second, are never {profile.model_dt:.3g} s "
            f"apart, a model step of profile {profile.name}: give a profile whose model.rate_hz fits"
        )
    return (
        f"{found}, and the protocol looks {protocol.horizon} steps of {profile.model_dt:.3g} s ahead, {needed_s:.2f} s "
        f"({protocol.horizon + 1} frames): give longer episodes"
    )


def _with_poses(starts: Starts) -> Starts:
    """Those whose pose is known, which V-JEPA 2-AC is told."""
    if starts.places is None or starts.places.shape[2] != POSE or not starts.placed.any():
        raise ProtocolError(
            "V-JEPA 2-AC must be told the pose of the end effector at each start, and this recording does not tell it "
            "frame by frame: give a LeRobot set with measured poses and a model of profile droid "
            "(`model: {actions_from: states}`)"
        )
    return starts.taken(starts.placed)


def _digest(starts: Starts, recording: Recording) -> str:
    """Which starts of which recording these are; of the pictures some are compared."""
    digest = hashlib.sha256()
    for array in (starts.rows, starts.actions, recording.frames[starts.rows[:COMPARED_STARTS, 0]]):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]
