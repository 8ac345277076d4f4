"""Where the time of a plan goes: the ten kernels that take longest, and how often the host waits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from wm_ros.bench.gpu.plans import cases, planner
from wm_ros.bench.gpu.rows import Figures, Rows, Setup, settle

LONGEST = 10
NAME = 60  # characters
WAITS = (
    "cudaStreamSynchronize",
    "cudaDeviceSynchronize",
    "cudaEventSynchronize",
    "aten::_local_scalar_dense",
)
LAUNCHES = (
    "cudaLaunchKernel",
    "cudaLaunchKernelExC",
    "cuLaunchKernel",
    "cuLaunchKernelEx",
    "cudaGraphLaunch",
)


@torch.inference_mode()
def measure(setup: Setup, rows: Rows) -> None:
    """Of the plan with 256 tokens, as it is and compiled; a toy plan is not compiled once more."""
    case = cases(setup.toy)[0]
    for way in ("eager",) if setup.toy else ("eager", "compiled"):
        rows.attempt(
            f"{case.name}, {way}",
            lambda: _profiled(planner(case.model(setup), case.options, way), way, setup, rows),  # noqa: B023
        )


def _profiled(plan: Callable[[], object], way: str, setup: Setup, rows: Rows) -> Figures:
    """Counts of one plan; the kernels go to rows of their own."""
    plan()
    settle(setup.device)
    cuda = setup.device.startswith("cuda")
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if cuda else [])]
    with profile(activities=activities) as found:
        plan()
        settle(setup.device)
    events: list[Any] = list(found.key_averages())
    # Of a GPU, operators count what their kernels take once more.
    kernels = [event for event in events if event.device_type == DeviceType.CUDA] if cuda else events

    def own_us(event: Any) -> float:
        return float(event.self_device_time_total if cuda else event.self_cpu_time_total)

    total = max(sum(map(own_us, kernels)), 1e-3)
    for place, event in enumerate(sorted(kernels, key=own_us, reverse=True)[:LONGEST], 1):
        figures: Figures = {"ms": round(own_us(event) / 1000, 3), "calls": event.count}
        rows.add(f"{way} {place}. {event.key[:NAME]}", {**figures, "share": round(own_us(event) / total, 3)})
    counts = {event.key: event.count for event in events}
    return {
        "busy_ms": round(total / 1000, 2),
        "host_waits": sum(counts.get(name, 0) for name in WAITS),
        "launches": sum(counts.get(name, 0) for name in LAUNCHES) if cuda else sum(counts.values()),
    }
