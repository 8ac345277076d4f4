"""What a measurement of tasks came to: table.json, table.md and table.png in its folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from wm_ros.bench.bottlenecks.picture import dots
from wm_ros.bench.bottlenecks.runs import write_json
from wm_ros.bench.bottlenecks.table import markdown


def write_report(table: Mapping[str, Any], out: Path) -> None:
    """Write the three files."""
    write_json(out / "table.json", table)
    (out / "table.md").write_text(markdown(table), encoding="utf-8")
    _draw(table, out / "table.png")


def _draw(table: Mapping[str, Any], path: Path) -> None:
    """Success of every policy, its seeds as dots."""
    figure = Figure(figsize=(5.2, 4.2), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    dots(axis, {name: row["success"] for name, row in table["rows"].items()})
    axis.set_title(f"{table['about']['task']}: goal pictures reached, share", fontsize="medium")
    axis.set_ylim(-0.04, 1.04)
    figure.savefig(path)
