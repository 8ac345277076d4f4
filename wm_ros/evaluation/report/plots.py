"""Plots of a report, as SVG text that is the same every time."""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler

INK, GRID = "#1d2733", "#e3e8ee"
COLOURS = ("#0b6bcb", "#c2571a", "#2a8a57", "#8a4fbf", "#a8860b", "#b03a6e", "#4c6272", "#1b8a99")
WIDTH, HEIGHT = 4.3, 2.9
# R2 of which there is nothing to see: what reads no more than the mean of the commands does.
LEAST_SEEN = 0.05


def probe_bars(probe: Mapping[str, Any]) -> str:
    """R2 of every encoder at its output beside that of its controls; a dot for each seed, or a line over the interval.

    Empty where no encoder reads anything, as are the others of R2.
    """
    scored = {name: answer["layers"]["output"] for name, answer in probe.items() if "layers" in answer}
    scored = {name: output for name, output in scored.items() if output["total"] is not None}
    if not _anything_seen(output["total"] for output in scored.values()):
        return ""

    def plot(axis: Axes) -> None:
        labels = ("pair", "single frame", "shuffled time")
        for place, output in enumerate(scored.values()):
            for index, label in enumerate(labels):
                value = output["total"] if label == "pair" else output["controls"][label]
                colour = COLOURS[0] if label == "pair" else ("#9aa7b4", "#cbd4dc")[index - 1]
                x = place + 0.27 * (index - 1)
                shown = "pair of frames" if label == "pair" else label
                axis.bar(x, value["mean"], 0.25, color=colour, label=shown if place == 0 else None)
                seeds = value.get("by_seed", [])
                axis.plot([x] * len(seeds), seeds, ".", color=INK, markersize=3)
                if not seeds and value["low"] is not None:
                    axis.plot([x, x], [value["low"], value["high"]], "-", color=INK, linewidth=1.0)
        axis.set_xticks(range(len(scored)), [_wrapped(name) for name in scored])
        axis.set_ylabel("R2, held out")
        bars = [output["total"] for output in scored.values()]
        bars += [output["controls"][control] for output in scored.values() for control in labels[1:]]
        _r2_axis(axis, min(bar["mean"] if bar["low"] is None else bar["low"] for bar in bars))
        axis.grid(axis="x", visible=False)
        axis.legend(frameon=False, fontsize=8, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))

    return _svg(plot, 0.9 + 1.15 * max(3, len(scored)))


def layer_lines(probe: Mapping[str, Any]) -> str:
    """R2 by depth for the encoders that have layers."""
    swept = {name: answer["layers"] for name, answer in probe.items() if len(answer.get("layers", {})) > 1}
    if not _anything_seen(layer["total"] for layers in swept.values() for layer in layers.values()):
        return ""

    def plot(axis: Axes) -> None:
        for name, layers in swept.items():
            known = [(place, entry["total"]) for place, entry in enumerate(layers.values()) if entry["total"]]
            axis.plot(
                [place for place, _ in known], [t["mean"] for _, t in known], "o-", label=name, markersize=4
            )
        longest = max(swept.values(), key=len)
        axis.set_xticks(
            range(len(longest)), [name.removeprefix("layer ").replace(" of ", "/") for name in longest]
        )
        axis.set_xlabel("layer")
        axis.set_ylabel("R2, held out")
        _legend(axis)

    return _svg(plot)


def plane(points: list[dict[str, Any]], families: Mapping[str, list[Mapping[str, Any]]]) -> str:
    """Every encoder by PSNR and R2, and the front of those that no other beats; families with a dot for each seed."""
    runs = [run for some in families.values() for run in some if run.get("r2")]
    seen = _anything_seen([*({"mean": point["r2"]} for point in points), *(run["r2"] for run in runs)])
    if len(points) + len(runs) < 2 or not seen:
        return ""

    def plot(axis: Axes) -> None:
        for point in points:
            colour = COLOURS[0] if point["front"] else "#9aa7b4"
            axis.plot(point["psnr"], point["r2"], "o", color=colour, markersize=8)
            axis.annotate(
                point["encoder"], (point["psnr"], point["r2"]), (7, 5), textcoords="offset points", fontsize=8
            )
        front = sorted((p["psnr"], p["r2"]) for p in points if p["front"])
        axis.plot(*zip(*front, strict=True), "-", color=COLOURS[0], linewidth=0.8, zorder=0)
        for index, (name, runs) in enumerate(families.items()):
            known = [(run["psnr"], run["r2"]["mean"]) for run in runs if run.get("r2")]
            if known:
                axis.plot(*zip(*known, strict=True), "^", markersize=5, color=COLOURS[1 + index], label=name)
        axis.set_xlabel("PSNR of the redrawn frame, dB")
        axis.set_ylabel("R2 of the action probe")
        axis.margins(0.18)
        if families:
            _legend(axis)

    return _svg(plot)


def ladder(ladders: Mapping[str, Any], kind: str) -> str:
    """R2 of encoders over the severities of one corruption, from none."""

    def plot(axis: Axes) -> None:
        lowest = 0.0
        for steps, colour in zip(ladders.values(), keys(ladders).values(), strict=True):
            scores = [step["r2"] for step in (*steps["none"], *steps[kind])]
            values = [score["mean"] if score else math.nan for score in scores]
            axis.plot(range(len(values)), values, "o-", color=colour, markersize=3, linewidth=1.4)
            lowest = min(lowest, *(value for value in values if not math.isnan(value)))
        some = next(iter(ladders.values()))[kind]
        axis.set_xticks(range(len(some) + 1), ["none", *(f"{step['severity']:g}" for step in some)])
        _r2_axis(axis, lowest)

    return _svg(plot, 2.9, 2.0)


def keys(ladders: Mapping[str, Any]) -> dict[str, str]:
    """The colour of every encoder in the ladders."""
    return dict(zip(ladders, itertools.cycle(COLOURS)))


def open_loop(answer: Mapping[str, Any]) -> str:
    """Errors along the clip: predicting no change, from latent actions, from the commands."""
    if "open_loop" not in answer:
        return ""

    def plot(axis: Axes) -> None:
        styles = {"copy last": "#9aa7b4", "latent actions": COLOURS[0], "commands": COLOURS[1]}
        names = {
            "copy last": "no change",
            "latent actions": "true latent actions",
            "commands": "recorded commands",
        }
        for name, errors in answer["open_loop"].items():
            ahead = [answer["step_s"] * (index + 1) for index in range(len(errors))]
            axis.plot(ahead, errors, "o-", color=styles[name], label=names[name], markersize=3)
        axis.set_xlabel("s ahead")
        axis.set_ylabel("squared error of the state")
        axis.set_ylim(bottom=0)
        _legend(axis)

    return _svg(plot)


def plan_bars(answer: Mapping[str, Any], units: Mapping[str, str]) -> str:
    """Error of the summed action by component: plans beside random ones and none."""
    if "by_component" not in answer or not any(answer["by_component"]["zero"].values()):
        return ""
    components = list(answer["by_component"]["planned"])

    def plot(axis: Axes) -> None:
        kinds = {"planned": COLOURS[0], "zero": "#9aa7b4", "random": "#cbd4dc"}
        names = {"planned": "planned", "zero": "no motion", "random": "random"}
        for index, (kind, colour) in enumerate(kinds.items()):
            values = [answer["by_component"][kind][name] for name in components]
            places = [place + 0.27 * (index - 1) for place in range(len(components))]
            axis.bar(places, values, 0.25, color=colour, label=names[kind])
        axis.set_xticks(range(len(components)), [f"{name}\n{units[name]}" for name in components])
        axis.set_ylabel("error of the summed action")
        axis.grid(axis="x", visible=False)
        axis.legend(frameon=False, fontsize=8, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))

    return _svg(plot)


def _anything_seen(scores: Iterable[Mapping[str, Any] | None]) -> bool:
    return any(score is not None and score["mean"] >= LEAST_SEEN for score in scores)


def _r2_axis(axis: Axes, lowest: float) -> None:
    """From the lowest value, or 0, to 1; logarithmic below -1, where nothing but how bad it is can be read."""
    axis.axhline(0, color="#9aa7b4", linewidth=0.8)
    if lowest < -1.0:
        bottom = 1.5 * lowest
        axis.set_yscale("symlog", linthresh=1.0)
        axis.set_yticks(
            [1.0, 0.5, 0.0, -0.5, *(-(10.0**power) for power in range(math.ceil(math.log10(-bottom))))]
        )
        axis.yaxis.set_major_formatter("{x:g}")
    else:
        bottom = min(0.0, 1.1 * lowest)
    axis.set_ylim(bottom, 1.0)


def _svg(plot: Callable[[Axes], None], width: float = WIDTH, height: float = HEIGHT) -> str:
    with _style():
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        plot(figure.subplots())
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    svg = text.getvalue()
    return svg[svg.index("<svg") :]


def _style() -> AbstractContextManager[None]:
    """How all plots look."""
    return matplotlib.rc_context(
        {
            "svg.hashsalt": "wm_ros",
            "svg.fonttype": "none",
            "font.family": "sans-serif",
            "font.sans-serif": ["DejaVu Sans"],
            "font.size": 9,
            "axes.edgecolor": "#9aa7b4",
            "axes.labelcolor": INK,
            "text.color": INK,
            "xtick.color": INK,
            "ytick.color": INK,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "grid.color": GRID,
            "axes.axisbelow": True,
            "axes.prop_cycle": cycler(color=COLOURS),
        }
    )


def _legend(axis: Axes) -> None:
    axis.legend(frameon=False, fontsize=8)


def _wrapped(name: str) -> str:
    return name if len(name) < 14 else name.replace("-", "-\n", 1)
