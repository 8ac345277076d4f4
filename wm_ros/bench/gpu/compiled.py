"""Plans with torch.compile, on a GPU to CUDA graphs, as a node with `compile: true` makes them."""

from __future__ import annotations

from dataclasses import replace

import torch

from wm_ros.bench.gpu.plans import cases, plan_figures
from wm_ros.bench.gpu.rows import Rows, Setup, product_flops_per_s


@torch.inference_mode()
def measure(setup: Setup, rows: Rows) -> None:
    """As the step `plans`; each case is compiled in seconds to minutes before it is measured."""
    product = product_flops_per_s(setup.device, setup.toy)
    rows.add("bf16 matrix product", {"tflop_per_s": round(product / 1e12, 3)})
    some = cases(setup.toy)
    if setup.toy:  # a CPU compiles long, whatever the size
        some = [replace(some[0], options=replace(some[0].options, knots=1))]
    for case in some:
        rows.attempt(case.name, lambda: plan_figures(case, "compiled", setup, product))  # noqa: B023
        torch.compiler.reset()  # with the memory of the graphs
