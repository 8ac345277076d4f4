"""Incremental imagination against recomputing everything: time in turns, peak memory each in a process of its own."""

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
WAYS = ("incremental", "recompute")
REPEATS = 3
CHILD = "import sys; from wm_ros.bench.planning.incremental import child; child(*sys.argv[1:])"


def cases() -> list[tuple[int, int]]:
    return [(horizon, context) for context in CONTEXTS for horizon in HORIZONS]


def compare(
    preset: str, tokens: int, candidates: int, device: str, progress: Callable[[], None]
) -> dict[str, dict[str, float]]:
    """Median milliseconds of both ways, taken in turns, their peak MB, the ratios, and by how much their states differ
    at most."""
    table = {}
    for horizon, context in cases():
        asked = tuple(map(str, (preset, tokens, candidates, horizon, context, device)))
        found: dict[str, float] = {}
        for what in ("times", *WAYS):
            found |= _child(what, *asked)
            progress()
        table[f"horizon {horizon}, context {context}"] = {
            **{name: round(value, 1) for name, value in found.items() if name != "difference"},
            "times_faster": round(found["recompute_ms"] / found["incremental_ms"], 2),
            "memory_share": round(found["incremental_mb"] / found["recompute_mb"], 2),
            "largest_difference": found["difference"],
        }
    return table


def _child(*asked: str) -> dict[str, float]:
    done = subprocess.run([sys.executable, "-c", CHILD, *asked], check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


@torch.inference_mode()
def child(
    what: str, preset: str, tokens: str, candidates: str, horizon: str, context: str, device: str
) -> None:
    """Print the times of both ways, or the memory of one: of a process that has done nothing else."""
    torch.set_num_threads(1)
    model = random_model(preset, int(tokens), device)
    generator = torch.Generator().manual_seed(0)
    observed = torch.randn(int(context), int(tokens), DIM, generator=generator).to(device)
    actions = torch.randn(int(candidates), int(horizon), 2, generator=generator).to(device)
    ways = {
        "incremental": lambda actions: model.imaginer()(observed)(actions),
        "recompute": lambda actions: recompute(model, observed, actions),
    }
    for way in ways.values():
        way(actions[:1])
    if what in ways:
        print(json.dumps({f"{what}_mb": peak_mb(lambda: ways[what](actions), device)}))
        return
    times: dict[str, list[float]] = {f"{name}_ms": [] for name in ways}
    for _ in range(REPEATS):
        for series, way in zip(times.values(), ways.values(), strict=True):
            _settle(device)
            started = time.perf_counter()
            way(actions)
            _settle(device)
            series.append(1000 * (time.perf_counter() - started))
    first, second = (way(actions[:2]) for way in ways.values())
    medians = {name: statistics.median(series) for name, series in times.items()}
    print(json.dumps({**medians, "difference": float((first - second).abs().max())}))


def _settle(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()
