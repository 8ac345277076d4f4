"""The console of all commands: it shows what names from outside hold, and obeys none of it."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

from wm_ros.printable import printable


class Terminal(Console):
    """A rich console for which a text is a text: no markup, no highlighting, control characters as escapes.

    Colours are given as styles, with `rich.text.Text`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, highlight=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(printable(text), **options)
