"""The figures of a replay on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from wm_ros.evaluation.replay.compare import differences, rows

MOST_STOPS = 8  # on the terminal


def show(console: Console, summary: Mapping[str, Any]) -> None:
    """Latencies, frames, stops, faults, and the verdict last, where it is seen."""
    frames, stops = summary["frames"], summary["false_stops"]
    console.print(_latencies(summary))
    dropped = ", ".join(f"{count} {reason}" for reason, count in frames["dropped"].items() if count)
    console.print(
        f"frames: {frames['shown']} shown ({_ms(frames['shown_late_ms']['p99'])} late, p99), {frames['encoded']} "
        f"encoded, dropped: {dropped or 'none'}",
        soft_wrap=True,
    )
    share = stops["pct_of_time"]
    console.print(
        f"stops without a fault: {stops['count']}"
        + ("" if share is None else f", {share:.1f} % of {stops['seconds_looked_at']:.1f} s")
    )
    unprovoked = [stop for stop in summary["stops"] if "fault" not in stop]
    for stop in unprovoked[:MOST_STOPS]:
        console.print(f"  episode {stop['episode']}, {stop['at_s']:.2f} s: {stop['reason']}")
    if len(unprovoked) > MOST_STOPS:
        console.print(f"  and {len(unprovoked) - MOST_STOPS} more in replay.json")
    if summary["faults"]:
        console.print(_faults(summary))
    beside = summary["commands"]["beside_operator"] or {}
    for name, figures in beside.items():
        alike = figures["correlation"]
        console.print(
            f"{name}: operator {figures['operator_rms']:.2f}, guard {figures['guard_rms']:.2f}, apart "
            f"{figures['difference_rms']:.2f} (rms)"
            + ("" if alike is None else f", correlation {alike:+.2f}")
        )
    for note in summary["notes"]:
        console.print(f"note: {note}", soft_wrap=True)
    for sentence in summary["missed"]:
        console.print(Text("FAIL", "red"), sentence, soft_wrap=True)
    verdict = {"pass": Text("pass", "green"), "fail": Text("fail", "red")}.get(
        summary["verdict"], "not judged: only a replay at --rate 1 is in real time"
    )
    console.print("verdict:", verdict)


def show_comparison(console: Console, first: Mapping[str, Any], second: Mapping[str, Any]) -> None:
    """Every figure of two replays, the better one green, and what makes them two different things."""
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for summary in (first, second):
        table.add_column(summary["checkpoint"], justify="right")
    for row in rows(first, second):
        cells = [Text(_figure(value, row.unit)) for value in (row.first, row.second)]
        if row.better is not None:
            cells[row.better].stylize("green")
        table.add_row(row.name, *cells)
    table.add_row("verdict", first["verdict"], second["verdict"])
    console.print(table)
    for sentence in differences(first, second):
        console.print(Text("not comparable:", "red"), sentence, soft_wrap=True)


def _figure(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    text = f"{value:d}" if isinstance(value, int) else f"{value:.2f}"
    return f"{text} {unit}".rstrip()


def _latencies(summary: Mapping[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("camera stamp to", "p50", "p95", "p99", "samples", "budget"):
        table.add_column(column, justify="left" if column.startswith("camera") else "right")
    for name, figures in summary["latency_ms"].items():
        late = figures["p95"] is not None and figures["p95"] > summary["budget_ms"]
        cells = [_ms(figures[key]) for key in ("p50", "p95", "p99")]
        budget = Text.assemble(f"{summary['budget_ms']:.0f} ms", (" missed" if late else "", "red"))
        table.add_row(name, *cells, str(figures["samples"]), budget)
    return table


def _faults(summary: Mapping[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("fault", "time to stop", "held", "time to resume", "reason of the stop"):
        table.add_column(column, justify="left" if column in ("fault", "reason of the stop") else "right")
    for fault in summary["faults"]:
        name = fault["kind"] + (f" {fault['by_s']:+g} s" if fault["by_s"] else "")
        reaction = fault["reaction"]
        if reaction is None:
            table.add_row(name, "-", "-", "-", "nothing tested: no plan was followed when it began")
        elif reaction["time_to_stop_s"] is None:
            table.add_row(name, Text("not stopped", "red"), "-", "-", "")
        else:
            resumed = "-" if reaction["time_to_resume_s"] is None else f"{reaction['time_to_resume_s']:.2f} s"
            table.add_row(
                name,
                f"{reaction['time_to_stop_s']:.2f} s",
                f"{reaction['held_pct']:.0f} %",
                resumed + (" after ~/start" if reaction["restarted"] else ""),
                reaction["reason"].partition(":")[0],
            )
    return table


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} ms"
