"""The demo's goals as a table that changes while they run."""

from __future__ import annotations

from rich.console import RenderableType
from rich.table import Table

BAR_CM = 40.0
BAR_WIDTH = 20


class DemoTable:
    """A row per goal, a column for the model and one for random actions; give it to `rich.live.Live`."""

    def __init__(self, goals: int, radius_m: float) -> None:
        self._goals, self._radius_m = goals, radius_m
        self._cells: dict[tuple[str, int], str] = {}

    def show(self, mover: str, number: int, seconds: float, metres: float) -> None:
        """Where the robot is: metres from goal `number` after so many seconds."""
        bar = "█" * max(round(min(100 * metres / BAR_CM, 1.0) * BAR_WIDTH), 1)
        colour = "green" if metres <= self._radius_m else "yellow" if mover == "model" else "bright_black"
        self._cells[mover, number] = f"{100 * metres:5.1f} cm {seconds:5.1f} s [{colour}]{bar}[/]"

    def __rich__(self) -> RenderableType:
        if not self._cells:
            return "starting sim_node, guard_node and pipeline_node ..."
        table = Table(box=None, pad_edge=False)
        table.add_column("goal")
        table.add_column("the model, from the camera alone", min_width=38)
        table.add_column("random actions", min_width=38)
        for number in range(self._goals):
            cells = (self._cells.get((mover, number), "") for mover in ("model", "random"))
            table.add_row(str(number + 1), *cells)
        return table
