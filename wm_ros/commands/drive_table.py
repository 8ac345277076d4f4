"""The goals of a sequence as a table that changes while the robot drives."""

from __future__ import annotations

import json
from collections.abc import Mapping

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

COLOURS = {"reached": "green", "driving": "yellow", "holding": "yellow"}


class DriveTable:
    """A row per goal that was tried or is now; give it to `rich.live.Live`."""

    def __init__(self, goals: int) -> None:
        self._goals, self._status, self._seconds = goals, dict[str, str](), 0.0

    def show(self, status: Mapping[str, str], seconds: float) -> None:
        """What sequence_node reports, and the time since the drive began."""
        self._status, self._seconds = dict(status), seconds

    def __rich__(self) -> RenderableType:
        status = self._status
        if not status:
            return "looking for pipeline and guard, starting what is not there ..."
        table = Table(box=None, pad_edge=False)
        for column in ("goal", "", "", "seconds", "distance"):
            table.add_column(column, justify="right" if column in ("seconds", "distance") else "left")
        for result in json.loads(status["results"]):
            _row(
                table,
                result["goal"],
                result["name"],
                result["outcome"],
                result["seconds"],
                result["distance"],
            )
        if "goal" in status:
            distance = float(status["goal_distance"]) if "goal_distance" in status else None
            seconds = float(status["seconds"])
            _row(table, int(status["goal"]), status["goal_name"], status["sequence"], seconds, distance)
        reached = float(status["reached_distance"])
        table.caption = Text(
            f"{status['reached']} of {self._goals} reached, {self._seconds:.0f} s; there at {reached:.2f}",
            style="not italic",
        )
        table.caption_justify = "left"
        return table


def _row(table: Table, number: int, name: str, outcome: str, seconds: float, distance: float | None) -> None:
    far = "-" if distance is None else f"{distance:.2f}"
    table.add_row(str(number), name, Text(outcome, COLOURS.get(outcome, "red")), f"{seconds:.1f}", far)
