"""How many candidates are best imagined at once: what `planning.parts` chooses, and what it could."""

from __future__ import annotations

from dataclasses import replace

import torch

from wm_ros.bench.gpu.plans import cases, ready
from wm_ros.bench.gpu.rows import Figures, Rows, Setup, median_s
from wm_ros.models.planning_model import PlanningModel
from wm_ros.planning.options import PlannerOptions
from wm_ros.planning.parts import part_size, tokens_at_once

TOKENS, TOY_TOKENS = (4096, 8192, 16384, 32768, 65536, 131072), (16, 64)
MEASURED = 3  # cases, most wanted first


@torch.inference_mode()
def measure(setup: Setup, rows: Rows) -> None:
    """Milliseconds of an iteration by the tokens of a frame that are imagined at once, in CUDA graphs, and the best."""
    chosen = tokens_at_once(torch.device(setup.device))
    for case in cases(setup.toy)[:MEASURED]:
        model, options = case.model(setup), replace(case.options, iteration_count=1)
        found: dict[int, float] = {}  # by candidates
        for tokens in TOY_TOKENS if setup.toy else TOKENS:
            size = part_size(options.batch_size, max(1, tokens // model.encoder.tokens))
            if size not in found:
                name = f"{case.name}, {size} candidates at once"
                rows.attempt(name, lambda: _timed(model, options, size, setup, found))  # noqa: B023
        if found:
            best = min(found, key=lambda size: found[size])
            tokens = best * model.encoder.tokens
            rows.add(f"{case.name}, best", {"tokens": tokens, "ms": found[best], "chosen_tokens": chosen})


def _timed(
    model: PlanningModel, options: PlannerOptions, size: int, setup: Setup, found: dict[int, float]
) -> Figures:
    plan, memory = ready(model, options, "graphs", setup, size)
    found[size] = round(1000 * median_s(plan, setup.device, 1 if setup.toy else 3), 2)
    return {"iteration_ms": found[size], "memory_mb": round(memory, 1)}
