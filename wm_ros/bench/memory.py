"""Peak memory of one step, beyond what is held before it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch


def peak_mb(step: Callable[[], object], device: str) -> float:
    """Megabytes that a step takes at its peak: as the GPU's allocator counts them, or of this process (Linux)."""
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats(device)
        held = torch.cuda.memory_allocated(device)
        step()
        return (torch.cuda.max_memory_allocated(device) - held) / 1e6
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = _status_mb("VmRSS")
    step()
    return _status_mb("VmHWM") - before


def _status_mb(entry: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(entry)) / 1000
