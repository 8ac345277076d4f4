"""`wm_ros inspect`: what is in a bag, as the trainer would read it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def inspect(
    bags: Annotated[list[Path], typer.Argument(help="rosbag2 folders, .mcap or .db3 files.")],
    profile: Annotated[
        str, typer.Option(help="Robot profile: a name in config/robots or a YAML file.")
    ] = "arm",
) -> None:
    """Show frames, episodes, commands and limits of recordings, and what could not be read."""
    from rich.console import Console
    from rich.table import Table

    from wm_ros.data.bags import load_recording
    from wm_ros.data.recording import describe
    from wm_ros.robots.profile import load_profile

    table = Table(show_header=False, box=None)
    for label, text in describe(load_recording(bags, load_profile(profile))).items():
        table.add_row(label, text)
    Console(highlight=False).print(table)
