"""What a comparison of families came to: table.json, table.md and table.png in its folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from wm_ros import __version__
from wm_ros.bench.bottlenecks.runs import write_json
from wm_ros.bench.bottlenecks.table import cell, over_seeds
from wm_ros.bench.families.episodes import described, roles
from wm_ros.bench.families.orders import MAIN, PUBLISHED, PUBLISHED_ROBUSTNESS, orders, warnings
from wm_ros.bench.families.picture import draw
from wm_ros.bench.families.probes import APART, CONTROLS, CORRUPTIONS
from wm_ros.bench.families.runs import FamiliesOptions, Run
from wm_ros.data.recording import Recording
from wm_ros.training.families import FRAMES


def make_table(
    runs: Sequence[Run], recording: Recording, options: FamiliesOptions, source: str, no_states: str
) -> dict[str, Any]:
    """Rows, what their figures mean, orders, warnings and failures, as JSON data."""
    found: dict[str, list[dict[str, float]]] = {}
    failed: dict[str, str] = {}
    for run in runs:
        result = run.result or {}
        if "figures" in result:
            found.setdefault(run.row, []).append(result["figures"])
        else:
            failed[run.name] = result.get("failed", "not finished")
    names = dict.fromkeys(run.row for run in runs)
    rows = {row: over_seeds(found[row]) for row in names if row in found}
    known = dict.fromkeys(name for row in rows.values() for name in row)
    about = {
        "recording": source,
        "training": f"{options.steps} steps of {FRAMES} frames each, all families alike; {options.seeds} seeds",
        "probes": f"{options.probe_steps} steps",
        **described(recording, roles(recording)),
        "versions": f"wm_ros {__version__}, torch {torch.__version__}, numpy {np.__version__}",
    }
    return {
        "about": about,
        "left_out": {"state": no_states} if no_states else {},
        "failed": failed,
        "figures": {name: _meaning(name) for name in known},
        "rows": rows,
        "warnings": warnings(rows),
        "orders": orders(runs),
        "published": {
            family: {
                name: {"frozen": frozen, "supervised": lifted} for name, (frozen, lifted) in some.items()
            }
            for family, some in PUBLISHED.items()
        },
    }


def write_report(table: Mapping[str, Any], out: Path) -> None:
    """Write the three files."""
    write_json(out / "table.json", table)
    (out / "table.md").write_text(markdown(table), encoding="utf-8")
    if table["rows"]:
        draw(table, out / "table.png")


def markdown(table: Mapping[str, Any]) -> str:
    """The table to be pasted: rows down, figures across, mean and (least .. most) of the seeds; then what it says."""
    lines = [f"- {name}: {value}" for name, value in table["about"].items()]
    lines += [f"- no {name}: {reason}" for name, reason in table["left_out"].items()]
    lines += [f"- failed: {name}: {reason}" for name, reason in table["failed"].items()]
    figures = list(table["figures"])
    lines += ["", f"| | {' | '.join(figures)} |", f"|---|{'---|' * len(figures)}"]
    for name, row in table["rows"].items():
        lines.append(f"| {name} | {' | '.join(cell(row.get(figure)) for figure in figures)} |")
    lines += ["", *(f"- {name}: {meaning}" for name, meaning in table["figures"].items())]
    lines += statements(table)
    return "\n".join(lines) + "\n"


def statements(table: Mapping[str, Any]) -> list[str]:
    """Warnings, orders and published rows, a line each."""
    lines = [f"- warning: {text}" for text in table["warnings"]]
    for about, some in table["orders"].items():
        lines += ["", f"{about}:", *(f"- {one['text']}" for one in some)]
    lines += [
        "",
        "published [ACT], LIBERO, held-out tasks, action R2 frozen -> with inverse-dynamics supervision:",
    ]
    for family, some in table["published"].items():
        beside = ", ".join(
            f"{name} {one['frozen']:.2f} -> {one['supervised']:.2f}" for name, one in some.items()
        )
        own = table["rows"].get(family, {}).get(MAIN)
        lines.append(f"- {family}: {beside}; here {cell(own) or 'not measured'}")
    return [*lines, f"- {PUBLISHED_ROBUSTNESS}"]


def _meaning(name: str) -> str:
    if name == "numbers":
        return "that a probe is given of a frame; of more than 512 their leading principal components"
    if name == "effective_dimensions":
        return "of these, counted by their variance; about 1 where the encoder has collapsed"
    kind = next((kind for kind in (*CORRUPTIONS, *CONTROLS) if name.endswith(f" {kind}")), "")
    what = name.removesuffix(kind).strip()
    if what.startswith("action"):
        apart = int(what.split()[1])
        text = f"R2 of the mean command between two frames {apart} model step{'s' if apart != APART[0] else ''} apart"
    else:
        text = f"R2 of {what.removeprefix('state ')} in one frame, of the true state"
    return f"{text}, {'in pictures with ' if kind in CORRUPTIONS else 'control: '}{kind}" if kind else text
