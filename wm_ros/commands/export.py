"""`wm_ros export`: recordings as a data set of another kind, for what others train."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from wm_ros.commands.data_options import CacheDir, FrameSize, Profile, Stamps, StampsBy

Fps = Annotated[
    int | None, typer.Option(min=1, help="LeRobot: rows a second (default: the camera's rate, rounded).")
]
Task = Annotated[
    str | None,
    typer.Option(help="LeRobot: what the robot is to do, in words; language-guided policies read it."),
]


class ExportFormat(str, Enum):
    """What recordings can be exported as."""

    lerobot = "lerobot"


def export(
    bags: Annotated[list[Path], typer.Argument(help="Bags (folders, .mcap, .db3); one set of all.")],
    out: Annotated[Path, typer.Option(help="Folder of the new set; must not exist yet.")],
    profile: Profile = "arm",
    format: Annotated[ExportFormat, typer.Option(help="What is written.")] = ExportFormat.lerobot,
    fps: Fps = None,
    task: Task = None,
    frame_size: FrameSize = None,
    stamps: Stamps = StampsBy.header,
    cache_dir: CacheDir = None,
) -> None:
    """Write bags as a LeRobot dataset (v3.0), which `lerobot` loads and trains on.

    \b
    wm_ros export bag --profile robot.yaml --out set --task "push the puck into the tray"
    wm_ros record --sim --format lerobot --out set      records and exports at once
    \b
    See doc/lerobot.md for what is in each row.
    """
    from rich.progress import Progress

    from wm_ros.commands.terminal import Terminal
    from wm_ros.data.lerobot_export import ExportOptions, export_lerobot
    from wm_ros.robots.profile import load_profile

    console = Terminal()
    options = ExportOptions(fps, task, stamps.value, frame_size, cache_dir)
    with Progress(console=console) as bar:
        shown = bar.add_task("exporting", total=1.0)
        notes = export_lerobot(
            bags, load_profile(profile), out, options, lambda share: bar.update(shown, completed=share)
        )
        bar.update(shown, completed=1.0)
    for note in notes:
        console.print(f"note: {note}", soft_wrap=True)
    console.print(f"{out} is written; look into it: wm_ros inspect {out} --profile {profile}", soft_wrap=True)
