"""Incremental imagination against recomputing everything: time and peak memory, each in a process of its own."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import torch

from wm_ros.bench.memory import peak_mb
from wm_ros.bench.planning.models import DIM, random_model
from wm_ros.bench.planning.recompute import recompute

HORIZONS, CONTEXTS = (1, 2, 4), (1, 7)
REPEATS = 3
CHILD = "import sys; from wm_ros.bench.planning.incremental import child; child(*sys.argv[1:])"


def cases() -> list[tuple[int, int]]:
    return [(horizon, context) for context in CONTEXTS for horizon in HORIZONS]


def compare(
    preset: str, tokens: int, candidates: int, device: str, progress: Callable[[], None]
) -> dict[str, dict[str, float]]:
    """Median milliseconds and peak MB of both ways, their ratios, and by how much their states differ at most."""
    table = {}
    for horizon, context in cases():
        found = {}
        for way in ("incremental", "recompute"):
            asked = (way, preset, tokens, candidates, horizon, context, device)
            command = [sys.executable, "-c", CHILD, *map(str, asked)]
            found[way] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
            progress()
        ours, theirs = found["incremental"], found["recompute"]
        table[f"horizon {horizon}, context {context}"] = {
            "incremental_ms": round(ours["ms"], 1),
            "recompute_ms": round(theirs["ms"], 1),
            "times_faster": round(theirs["ms"] / ours["ms"], 2),
            "incremental_mb": round(ours["mb"], 1),
            "recompute_mb": round(theirs["mb"], 1),
            "memory_share": round(ours["mb"] / theirs["mb"], 2),
            "largest_difference": ours["difference"],
        }
    return table


@torch.inference_mode()
def child(
    way: str, preset: str, tokens: str, candidates: str, horizon: str, context: str, device: str
) -> None:
    """Measure one way and print the figures."""
    torch.set_num_threads(1)
    model = random_model(preset, int(tokens), device)
    generator = torch.Generator().manual_seed(0)
    observed = torch.randn(int(context), int(tokens), DIM, generator=generator).to(device)
    actions = torch.randn(int(candidates), int(horizon), 2, generator=generator).to(device)

    def incremental(actions: torch.Tensor) -> torch.Tensor:
        return model.imaginer()(observed)(actions)

    def everything(actions: torch.Tensor) -> torch.Tensor:
        return recompute(model, observed, actions)

    run = incremental if way == "incremental" else everything
    run(actions[:1])
    _settle(device)
    peak = peak_mb(lambda: run(actions), device)
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        run(actions)
        _settle(device)
        times.append(time.perf_counter() - started)
    few = actions[:2]
    difference = float((incremental(few) - everything(few)).abs().max()) if way == "incremental" else 0.0
    print(json.dumps({"ms": 1000 * statistics.median(times), "mb": peak, "difference": difference}))


def _settle(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()
