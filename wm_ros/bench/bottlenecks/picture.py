"""The table of a comparison as a picture: every model with its seeds as dots."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter

from wm_ros.bench.bottlenecks.table import PLAN_ERROR

RATIOS = {
    "action_gap_shuffled": "action gap: error with another clip's\nlatent action / with the true one",
    "controller_gap": "controller gap: error from robot actions /\nfrom true latent actions",
}


def draw(table: Mapping[str, Any], path: Path) -> None:
    """Write a PNG: planning success (plan error where that is not known), action gap and controller gap."""
    panels = planning_panel(table["figures"]) | RATIOS
    figure = Figure(figsize=(4.2 * len(panels), 4.2), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    for axis, (name, title) in zip(figure.subplots(1, len(panels)), panels.items(), strict=True):
        dots(axis, {model: row[name] for model, row in table["rows"].items() if name in row})
        axis.set_title(title, fontsize="medium")
        if name in RATIOS:
            axis.set_yscale("log")
            axis.yaxis.set_major_formatter(LogFormatter())
            axis.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(1.5, 0.5)))
            axis.axhline(1.0, color="0.7", linewidth=0.8, linestyle="--")
        elif name == "planning_success":
            axis.set_ylim(-0.04, 1.04)
        else:
            axis.set_ylim(bottom=0.0)
    figure.savefig(path)


def planning_panel(figures: Mapping[str, str]) -> dict[str, str]:
    """The figure that says how well a model plans, with a title: success, plan error where that is not known."""
    if "planning_success" in figures:
        return {"planning_success": "goal pictures reached, share"}
    first = next(name for name in figures if name.startswith(PLAN_ERROR))
    return {first: f"plan error, {first.removeprefix(PLAN_ERROR)}"}


def dots(axis: Axes, entries: Mapping[str, Mapping[str, Any]]) -> None:
    """A column for each model: a dot for each seed, beside each other, and a line at the mean."""
    for place, entry in enumerate(entries.values()):
        values = entry["by_seed"]
        beside = [place + 0.12 * (index - (len(values) - 1) / 2) for index in range(len(values))]
        axis.hlines(entry["mean"], place - 0.35, place + 0.35, color="0.3", linewidth=1.5)
        axis.plot(beside, values, "o", color="tab:blue", markersize=5, alpha=0.8)
    axis.set_xticks(range(len(entries)), list(entries), rotation=40, ha="right")
    axis.grid(axis="y", color="0.9")
    axis.set_axisbelow(True)
