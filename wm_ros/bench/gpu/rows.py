"""Figures that are in their file as soon as they are measured, and how they are taken."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch

Figures = dict[str, float | str]


class Rows:
    """Rows of figures by name; each is written at once, so that a step that is ended leaves what it has."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: dict[str, Figures] = {}

    def add(self, name: str, figures: Figures) -> None:
        self._rows[name] = figures
        self._path.write_text(json.dumps(self._rows, indent=1) + "\n", encoding="utf-8")
        print(name, json.dumps(figures), flush=True)


def median_s(action: Callable[[], object], device: str, repeats: int) -> float:
    """Median seconds, after one call that warms up; waits for the device before and after each."""
    action()
    times = []
    for _ in range(repeats):
        settle(device)
        started = time.perf_counter()
        action()
        settle(device)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def settle(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def product_flops_per_s(device: str, size: int, repeats: int) -> float:
    """Speed of a bf16 matrix product of random numbers: the most that the arithmetic of a plan can reach here."""
    left, right = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    return 2 * size**3 / median_s(lambda: left @ right, device, repeats)
