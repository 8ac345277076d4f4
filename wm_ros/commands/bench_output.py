"""What all benchmarks share: figures as a table on the terminal, and in a file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

MOST_COLUMNS = 8  # that leave room for figures on a terminal of 80

# A row of figures by name, for each thing that was measured.
Figures = Mapping[str, Mapping[str, object]]
Json = Annotated[Path | None, typer.Option("--json", help="Write the figures to this file too.")]


def show_figures(table: Figures, json_file: Path | None) -> None:
    write_figures(table, json_file)
    print_figures(table)


def print_figures(table: Figures) -> None:
    """Print one row per entry; a few entries of many figures side by side instead. What a row lacks is left blank."""
    from rich.table import Table

    from wm_ros.commands.terminal import Terminal

    columns = list(dict.fromkeys(column for row in table.values() for column in row))
    if len(columns) > max(MOST_COLUMNS, len(table)):
        table, columns = (
            {name: {entry: row.get(name, "") for entry, row in table.items()} for name in columns},
            list(table),
        )
    view = Table()
    view.add_column("", overflow="fold", min_width=12)
    for column in columns:
        view.add_column(column.replace("_", " "))
    for name, row in table.items():
        view.add_row(name, *(str(row.get(column, "")) for column in columns))
    Terminal().print(view)


def write_figures(content: Mapping[str, object], json_file: Path | None) -> None:
    if json_file is not None:
        json_file.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
