"""The table of families as a picture: every encoder with its seeds as dots."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from wm_ros.bench.bottlenecks.picture import dots
from wm_ros.bench.families.probes import APART, CORRUPTIONS

LOWEST = -1.0  # R2 below is drawn there: in spoilt pictures it may be any number


def draw(table: Mapping[str, Any], path: Path) -> None:
    """Write a PNG: action R2 clean and in spoilt pictures, and R2 of every part of the true state."""
    spoilt = [f"action {APART[0]} {kind}" for kind in CORRUPTIONS]
    states = [
        name
        for name in table["figures"]
        if name.startswith("state ") and not any(name.endswith(f" {kind}") for kind in CORRUPTIONS)
    ]
    panels = [f"action {APART[0]}", *spoilt, *states]
    columns = min(3, len(panels))
    lines = -(-len(panels) // columns)
    figure = Figure(
        figsize=(0.5 * len(table["rows"]) * columns + 2, 4.4 * lines), dpi=100, layout="constrained"
    )
    FigureCanvasAgg(figure)
    axes = figure.subplots(lines, columns, squeeze=False).flatten()
    for axis, name in zip(axes, panels, strict=False):
        dots(axis, {row: _drawn(entries[name]) for row, entries in table["rows"].items() if name in entries})
        axis.set_title(f"R2 of {name}", fontsize="medium")
        axis.axhline(0.0, color="0.7", linewidth=0.8, linestyle="--")
        axis.set_ylim(LOWEST - 0.05, 1.05)
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    figure.savefig(path)


def _drawn(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The entry with nothing below what is drawn."""
    return {"mean": max(LOWEST, entry["mean"]), "by_seed": [max(LOWEST, value) for value in entry["by_seed"]]}
