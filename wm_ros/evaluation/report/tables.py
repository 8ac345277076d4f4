"""The tables of a report: rows of ready texts."""

from __future__ import annotations

from typing import Any

from wm_ros.evaluation.report.verdict import R2_CARE
from wm_ros.training.metric_descriptions import METRIC_DESCRIPTIONS

NONE = "-"
CHECKS = {
    "one_step": "1 is no better than predicting no change; 0 is perfect",
    "action_gap_shuffled": "well above 1: the latent action is heeded",
    "action_gap_zero": "well above 1: the latent action is heeded",
    "leakage": "2.0 .. 2.5 in [LAM]; about 1: the latent action carries the future",
    "cycle": "1.03 .. 1.34 in [LAM]; large: a latent action means something else elsewhere",
    "controller_gap": "about 1: commands steer as well as true latent actions",
}


def probe_rows(report: dict[str, Any]) -> dict[str, Any]:
    """`columns` and `rows` of the probe at the output of every encoder, `left_out` by encoder."""
    scored = {name: a["layers"]["output"] for name, a in report["probe"].items() if "layers" in a}
    kinds = next((list(output) for output in scored.values()), [])
    kinds = [kind for kind in kinds if kind not in ("controls", "pairs")]
    rows = []
    for name, output in scored.items():
        controls = [cell(output["controls"][kind]) for kind in ("single frame", "shuffled time")]
        constant = output["controls"]["constant"]
        psnr = report["fidelity"][name].get("psnr")
        rows.append(
            [
                name,
                *(cell(output[kind]) for kind in kinds),
                *controls,
                NONE if constant is None else f"{constant:.2f}",
                NONE if psnr is None else f"{psnr:.1f}",
            ]
        )
    controls = ["single frame", "shuffled time", "constant", "PSNR, dB"]
    return {
        "columns": ["encoder", *(f"R2 {kind}" for kind in kinds), *controls],
        "rows": rows,
        "left_out": next((a["left_out"] for a in report["probe"].values() if "left_out" in a), None),
    }


def ladders_of(probe: dict[str, Any]) -> tuple[dict[str, Any], dict[str, float]]:
    """Ladders by encoder, of those whose clean score leaves something to lose; the clean scores of the others."""
    ladders, faint = {}, {}
    for name, answer in probe.items():
        clean = answer["ladder"]["none"][0]["r2"] if "ladder" in answer else None
        if clean is not None and clean["mean"] >= R2_CARE:
            ladders[name] = answer["ladder"]
        elif clean is not None:
            faint[name] = clean["mean"]
    return ladders, faint


def check_rows(report: dict[str, Any]) -> list[list[str]]:
    """Figure, value, what it is, how to read it."""
    found = report["dynamics"].get("checks", {})
    rows = [
        [name.replace("_", " "), f"{found[name]:.3g}", METRIC_DESCRIPTIONS[name], reading]
        for name, reading in CHECKS.items()
        if name in found
    ]
    for name, score in report["dynamics"].get("read_back", {}).items():
        value = NONE if score is None else f"{score:.2f}"
        rows.append(
            [
                f"read back, {name}",
                value,
                METRIC_DESCRIPTIONS["latent_action_r2"],
                "1: all of it; nothing is fitted here",
            ]
        )
    return rows


def family_rows(report: dict[str, Any]) -> list[list[str]]:
    """Family, R2 as mean and by seed, PSNR; best first."""
    rows = []
    for name, runs in report.get("families", {}).items():
        known = [run for run in runs if run.get("r2")]
        if not known:
            rows.append((float("-inf"), [name, runs[0].get("left_out", "no score"), "", ""]))
            continue
        scores = [run["r2"]["mean"] for run in known]
        mean = sum(scores) / len(scores)
        psnr = sum(run["psnr"] for run in known) / len(known)
        each = ", ".join(f"{score:.2f}" for score in scores)
        rows.append((mean, [name, f"{mean:.2f}", each, f"{psnr:.1f}"]))
    return [row for _, row in sorted(rows, key=lambda row: -row[0])]


def bag_rows(report: dict[str, Any]) -> list[dict[str, Any]]:
    """Each bag with its facts, what was held out of it, and notes."""
    rows = []
    for about in report["bags"]:
        held = ", ".join(str(episode + 1) for episode in about["held"]) or "none"
        facts = {
            label: text for label, text in about["facts"].items() if not label.startswith(("note", "source"))
        }
        rows.append(
            {
                "name": about["name"],
                "facts": facts,
                "held": f"{len(about['held'])} of {len(about['episodes'])} (number {held})",
                "notes": about["notes"],
            }
        )
    return rows


def cell(entry: dict[str, Any] | None) -> str:
    """`mean (least .. most)` of the seeds, or of what other episodes might give where that is known."""
    if entry is None:
        return NONE
    if entry["low"] is None:
        return f"{entry['mean']:.2f}"
    return f"{entry['mean']:.2f} ({entry['low']:.2f} .. {entry['high']:.2f})"
