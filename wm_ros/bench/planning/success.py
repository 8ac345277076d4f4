"""Goal pictures reached in lockstep, against the candidates that each plan evaluates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from wm_ros.models.world_model import WorldModel
from wm_ros.planning.options import PlannerOptions
from wm_ros.tasks.lockstep import LockstepOptions, model_policy, run_goals

HARD = (300, 15)  # of [LAM]: candidates and iterations
EFFORTS = ((16, 1), (32, 2), (64, 2), (64, 3))
# Whether a plan begins with the last one, and whether the networks propose.
WAYS = {"cold": (False, False), "warm": (True, False), "warm, proposals": (True, True)}


def cases() -> list[tuple[str, int, int]]:
    """Way, candidates and iterations; the paper's effort cold only."""
    return [("cold", *HARD), *((way, *effort) for way in WAYS for effort in EFFORTS)]


def compare(
    model: WorldModel, goals: int, seed: int, progress: Callable[[], None]
) -> dict[str, dict[str, float]]:
    """Success and median distance held, over the same goals for all. progress: called after each trial."""
    lockstep, table = LockstepOptions(), {}
    for way, candidates, iterations in cases():
        warm, proposals = WAYS[way]
        options = PlannerOptions(
            batch_size=candidates,
            iteration_count=iterations,
            elites=min(8, candidates // 4),
            warm_start=warm,
            proposals=proposals,
        )
        aim = model_policy(model, options, lockstep.latency_s)
        scores = []
        for score in run_goals(model.card.robot, aim, goals, seed, lockstep):
            scores.append(score)
            progress()
        held = [score.held_distance_m for score in scores]
        table[f"{way}, {candidates}x{iterations}"] = {
            "evaluations": candidates * iterations,
            "success_rate": round(float(np.mean([score.success for score in scores])), 3),
            "median_held_distance_m": round(float(np.median(held)), 4),
            "trials": len(scores),
        }
    return table


def draw(table: dict[str, dict[str, float]], path: Path) -> None:
    """Write a PNG: success and distance held against evaluations per plan, a curve for each way."""
    figure = Figure(figsize=(9.6, 3.8), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    reached, held = figure.subplots(1, 2)
    for way in WAYS:
        rows = [row for name, row in table.items() if name.rpartition(", ")[0] == way]
        rows.sort(key=lambda row: row["evaluations"])
        efforts = [row["evaluations"] for row in rows]
        reached.plot(efforts, [row["success_rate"] for row in rows], "o-", label=way)
        held.plot(efforts, [100.0 * row["median_held_distance_m"] for row in rows], "o-", label=way)
    trials = next(iter(table.values()))["trials"]
    reached.set_ylim(-0.04, 1.04)
    reached.set_ylabel(f"goal pictures reached, share of {trials}")
    held.set_ylim(bottom=0.0)
    held.set_ylabel("median distance held, cm")
    held.legend()
    for axis in (reached, held):
        axis.set_xscale("log")
        axis.set_xlabel("candidates evaluated per plan")
        axis.grid(color="0.9")
    figure.savefig(path)
