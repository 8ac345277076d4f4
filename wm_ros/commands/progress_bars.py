"""Progress bars on the terminal, and lines in their place where nobody sees bars."""

from __future__ import annotations

from types import TracebackType
from typing import TypeVar

from rich.progress import Progress, ProgressColumn

from wm_ros.commands.terminal import Terminal

LOG_LINES = 10  # of a phase, where nobody sees bars

Self = TypeVar("Self", bound="ProgressBars")


class ProgressBars:
    """Progress bars with these columns; use as a context manager. quiet: show nothing."""

    def __init__(self, *columns: ProgressColumn, quiet: bool = False) -> None:
        self._console = Terminal(quiet=quiet)
        self._progress = Progress(*columns, console=self._console)

    def __enter__(self: Self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def say(self, line: str) -> None:
        """Print a line above the bars."""
        self._console.print(line)

    def _log(self, name: str, step: int, steps: int, text: str) -> None:
        """Where there is no terminal, say how far a phase is, ten times in all."""
        if not self._console.is_terminal and step * LOG_LINES // steps > (step - 1) * LOG_LINES // steps:
            self.say(f"{name} {step}/{steps}  {text}")
