"""The report as one HTML file that needs no network, from its JSON data and its pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from wm_ros.evaluation.dataset.corruptions import DESCRIPTIONS, FRAME_LOSS, SEVERITIES
from wm_ros.evaluation.report import plots
from wm_ros.evaluation.report.tables import bag_rows, check_rows, family_rows, ladders_of, probe_rows
from wm_ros.evaluation.report.transfer_tables import apart_table, check_table, moved_tables, read_back_tables
from wm_ros.evaluation.report.verdict import R2_CARE, is_ridge
from wm_ros.evaluation.studies.probe import STEPS as PROBE_STEPS

TEMPLATES = Path(__file__).parent / "templates"


def render(
    report: dict[str, Any], strips: dict[str, Any] | None, carried: dict[str, Any] | None = None
) -> str:
    """The page of one report, with strips of what is imagined, and of actions that were carried."""
    probe, families = report["probe"], report.get("families", {})
    charts = {
        "probe": plots.probe_bars(probe),
        "layers": plots.layer_lines(probe),
        "plane": plots.plane(report["plane"], families),
        "open_loop": plots.open_loop(report["dynamics"]),
        "plans": plots.plan_bars(report["operator"], report["moved_units"]),
    }
    ladders, faint = ladders_of(probe)
    return (
        environment()
        .get_template("report.html")
        .render(
            report=report,
            strips=strips,
            carried=carried,
            transfer=transfer_tables(report["transfer"]),
            charts=charts,
            ladders=[
                (kind, DESCRIPTIONS[kind], plots.ladder(ladders, kind))
                for kind in (*SEVERITIES, *FRAME_LOSS)
                if ladders
            ],
            keys=plots.keys(ladders),
            faint=faint,
            enough=R2_CARE,
            bags=bag_rows(report),
            probes=probe_rows(report),
            checks=check_rows(report),
            families=family_rows(report),
            ridge=is_ridge(report),
            probe_steps=max(1, round(PROBE_STEPS * report["effort"])),
            least_seen=plots.LEAST_SEEN,
        )
    )


def transfer_tables(answer: dict[str, Any]) -> dict[str, Any]:
    """All tables of carried actions, none where nothing was carried."""
    if "left_out" in answer:
        return {}
    return {
        "apart": apart_table(answer),
        "checks": check_table(answer),
        "read_back": read_back_tables(answer),
        "moved": moved_tables(answer),
    }


def environment() -> Environment:
    """Templates of this folder; what is missing is an error, and text is escaped."""
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
