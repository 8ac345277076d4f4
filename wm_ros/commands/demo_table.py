"""The demo's goals as a table that changes while they run."""

from __future__ import annotations

import numpy as np
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from wm_ros.tasks.success import Criterion, in_words

BAR_RADII = 10.0  # of the criterion make a full bar
CELL_WIDTH = 37


class DemoTable:
    """A row per goal, a column for the model and one for random actions; give it to `rich.live.Live`."""

    def __init__(self, goals: int, criterion: Criterion) -> None:
        self._goals, self._criterion = goals, criterion
        self._cells: dict[tuple[str, int], Text] = {}

    def show(self, mover: str, number: int, seconds: float, metres: float, heading: float | None) -> None:
        """Where the robot is: metres and heading, in rad, from goal `number` after so many seconds."""
        share = min(metres / (BAR_RADII * self._criterion.radius_m), 1.0)
        text = f"{in_words(metres, heading):>8} {seconds:5.1f} s "
        bar = "█" * max(round(share * (CELL_WIDTH - len(text))), 1)
        near = self._criterion.near(np.array(metres), None if heading is None else np.array(heading))
        colour = "green" if near else "yellow" if mover == "model" else "bright_black"
        self._cells[mover, number] = Text.assemble(text, (bar, colour))

    def __rich__(self) -> RenderableType:
        if not self._cells:
            return "starting sim_node, guard_node and pipeline_node ..."
        table = Table(box=None, pad_edge=False)
        table.add_column("goal")
        table.add_column("the model, from the camera alone", min_width=CELL_WIDTH + 1)
        table.add_column("random actions", min_width=CELL_WIDTH + 1)
        for number in range(self._goals):
            cells = (self._cells.get((mover, number), "") for mover in ("model", "random"))
            table.add_row(str(number + 1), *cells)
        return table
