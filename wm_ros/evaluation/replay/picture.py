"""A replay as pictures: the guard's commands beside the operator's, and what the guard did about each fault."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wm_ros.evaluation.replay.results import PlaybackResult, ReplayResult
from wm_ros.evaluation.replay.safety import MOVING, Reaction
from wm_ros.robots.profile import RobotProfile

DPI = 110
MOST_ROWS = 12  # of a picture: more playbacks than this are not drawn
FAULT, STANDING = "tab:red", "0.75"


def draw_commands(result: ReplayResult, profile: RobotProfile, path: Path) -> None:
    """Write a PNG with a column per component and a row per play; stops are dotted, a fault is red."""
    playbacks = result.playbacks[:MOST_ROWS]
    figure, axes = _figure(len(playbacks), len(profile.action), 1.5)
    for row, one in zip(axes, playbacks, strict=True):
        segment, fault = one.playback.segment, one.playback.fault
        times, values = (part[one.commands] for part in result.commands)
        for column, (axis, component) in enumerate(zip(row, profile.action, strict=True)):
            if len(one.operator[0]):
                seconds = (one.operator[0] - segment.start_ns) * 1e-9
                axis.step(
                    seconds, one.operator[1][:, column], color="0.55", lw=1, where="post", label="operator"
                )
            seconds = (times - segment.start_ns) * 1e-9
            axis.step(
                seconds, values[:, column], color="tab:blue", lw=1, where="post", label="guard, in shadow"
            )
            if fault is not None:
                axis.axvspan(fault.at_s, fault.end_s, color=FAULT, alpha=0.15, lw=0)
            for stop in one.trace.stops():
                axis.axvline(stop.at_s, color=FAULT, lw=0.8, ls=":")
            axis.set(xlim=(0, one.playback.duration_s), ylim=(1.1 * component.min, 1.1 * component.max))
            if one is playbacks[0]:
                axis.set_title(f"{component.name}, {component.unit}", fontsize="medium")
        row[0].set_ylabel(
            f"episode {segment.number}" + (f"\n{fault.describe()}" if fault else ""), fontsize="small"
        )
    axes[0, 0].legend(loc="upper right", fontsize="x-small")
    for axis in axes[-1]:
        axis.set_xlabel("seconds into the episode")
    figure.savefig(path, dpi=DPI)


def draw_faults(result: ReplayResult, profile: RobotProfile, path: Path) -> None:
    """Write a PNG with a row per fault: speed as a share of the limits, when the robot stood, when the fault was on."""
    faulty = [(one, fault) for one in result.playbacks if (fault := one.playback.fault)][:MOST_ROWS]
    figure, axes = _figure(len(faulty), 1, 1.25)
    for axis, (one, fault) in zip(axes[:, 0], faulty, strict=True):
        times, values = (part[one.commands] for part in result.commands)
        speed = abs(values / np.maximum(profile.high, -profile.low)).max(axis=1, initial=0.0)
        _shade(axis, one)
        axis.axvspan(fault.at_s, fault.end_s, color=FAULT, alpha=0.2, lw=0)
        axis.step(
            (times - one.playback.segment.start_ns) * 1e-9, 100 * speed, color="tab:blue", lw=1, where="post"
        )
        axis.set(xlim=(0, one.playback.duration_s), ylim=(0, 105), yticks=[0, 50, 100])
        axis.set_ylabel("% of limit", fontsize="small")
        met = _describe_reaction(one.reaction(fault))
        axis.set_title(f"{fault.describe()}: {met}", fontsize="small", loc="left")
    axes[-1, 0].set_xlabel("seconds into the episode; red: the fault, grey: the robot stands")
    figure.savefig(path, dpi=DPI)


def _figure(rows: int, columns: int, height: float) -> tuple[Any, np.ndarray]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 0.8 + height * rows), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False, sharex=rows > 1)


def _shade(axis: Any, one: PlaybackResult) -> None:
    ends: Sequence[float] = [event.at_s for event in one.trace.events[1:]] + [one.trace.end_s]
    for event, end_s in zip(one.trace.events, ends, strict=True):
        if event.state not in MOVING:
            axis.axvspan(event.at_s, end_s, color=STANDING, alpha=0.6, lw=0)


def _describe_reaction(reaction: Reaction | None) -> str:
    if reaction is None:
        return "nothing tested, no plan was followed when it began"
    if reaction.time_to_stop_s is None:
        return "NOT STOPPED"
    resumed = "did not go on"
    if reaction.time_to_resume_s is not None:
        resumed = f"went on after {reaction.time_to_resume_s:.2f} s"
        resumed += " and ~/start" if reaction.restarted else ""
    return f"stood after {reaction.time_to_stop_s:.2f} s, {resumed}"
