"""Figures that are in the file as soon as they are measured, and how they are taken."""

from __future__ import annotations

import gc
import json
import os
import statistics
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

Figures = dict[str, float | str]
Table = dict[str, dict[str, Figures]]


@dataclass(frozen=True)
class Setup:
    """What a step is told: where it runs, in which sizes, and when it will be ended.

    recording: what is trained on, if something is. seconds: how long the step may take.
    """

    device: str
    toy: bool
    out: Path
    seconds: float
    recording: Path | None = None


class Rows:
    """A step's rows of figures by name, in the file of all steps; each is written at once, so that a step that is ended
    leaves what it has. failed: whether one of them could not be measured."""

    def __init__(self, path: Path, step: str) -> None:
        self._path, self._step, self.failed = path, step, False

    def add(self, name: str, figures: Figures) -> None:
        table = read_table(self._path)
        table.setdefault(self._step, {})[name] = figures
        write_table(self._path, table)
        print(f"{self._step}: {name} {json.dumps(figures)}", flush=True)

    def attempt(self, name: str, measure: Callable[[], Figures]) -> None:
        """Add what is measured, or why that failed; what follows is measured all the same."""
        try:
            figures = measure()
        except Exception as error:  # of whatever kind: the machine is lent for minutes
            traceback.print_exc()
            self.failed = True
            figures = {"failed": f"{type(error).__name__}: {error}".strip().splitlines()[0][:200]}
        self.add(name, figures)
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def read_table(path: Path) -> Table:
    """Rows by step and name, none before the first."""
    table: Table = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return table


def write_table(path: Path, table: Table) -> None:
    """Replace the file as a whole: whoever writes it may be ended."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    os.replace(partial, path)


def median_s(
    action: Callable[[], object], device: str, repeats: int, enough_s: float = float("inf")
) -> float:
    """Median seconds, after one call that warms up; waits for the device before and after each.

    enough_s: no call begins after so many seconds of the others, the one that warms up included, once there is one.
    """
    began = time.perf_counter()
    action()
    times: list[float] = []
    while len(times) < repeats and (not times or time.perf_counter() - began < enough_s):
        settle(device)
        started = time.perf_counter()
        action()
        settle(device)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def settle(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def product_flops_per_s(device: str, toy: bool) -> float:
    """Speed of a bf16 matrix product of random numbers: the most that the arithmetic of a plan can reach here."""
    size, repeats = (256, 3) if toy else (8192, 15)
    left, right = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    return 2 * size**3 / median_s(lambda: left @ right, device, repeats)
