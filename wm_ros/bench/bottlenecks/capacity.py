"""What a bottleneck's capacity does to planning, leakage, cycle and controller: a picture with a line a bottleneck."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from wm_ros.bench.bottlenecks.picture import planning_panel
from wm_ros.bench.bottlenecks.runs import VALUE, bottleneck_of
from wm_ros.bench.bottlenecks.table import POSITION

PANELS = {
    "leakage": "leakage: error across a cut / without",
    "cycle": "cycle: error after the detour / without",
    "controller_gap": "controller gap",
}


def draw_capacity(table: Mapping[str, Any], path: Path) -> bool:
    """Write a PNG if bottlenecks were varied; returns whether they were.

    Capacity is measured as in [LAM]: by the one-step error with the true latent action, 0 for `none` on the left and 1
    for `deterministic` on the right, which carries nothing.
    """
    lines: dict[str, dict[str, Any]] = {}
    for model, row in table["rows"].items():
        if POSITION in row:
            lines.setdefault(bottleneck_of(model)["name"], {})[model] = row
    if not any(VALUE in model for models in lines.values() for model in models):
        return False
    panels = planning_panel(table["figures"]) | PANELS
    figure = Figure(figsize=(4.2 * len(panels), 4.2), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(panels))
    for axis, (name, title) in zip(axes, panels.items(), strict=True):
        for kind, models in lines.items():
            rows = sorted((row for row in models.values() if name in row), key=_capacity)
            means = [row[name]["mean"] for row in rows]
            ends = [[row[name]["mean"] - row[name]["low"] for row in rows]]
            ends.append([row[name]["high"] - row[name]["mean"] for row in rows])
            axis.errorbar([_capacity(row) for row in rows], means, ends, marker="o", capsize=2, label=kind)
        axis.set_title(title, fontsize="medium")
        axis.set_xlabel("one-step error: none 0, deterministic 1")
        if name in PANELS:
            axis.set_yscale("log")
    axes[0].legend(fontsize="small")
    figure.savefig(path)
    return True


def _capacity(row: Mapping[str, Any]) -> float:
    return float(row[POSITION]["mean"])
