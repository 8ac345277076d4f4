"""Arguments of all commands that read recorded data."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

Paths = Annotated[
    list[Path],
    typer.Argument(
        help="Bags (folders, .mcap, .db3), videos, folders of videos, LeRobot datasets, NWM trajectories, in any mix."
    ),
]
Profile = Annotated[
    str, typer.Option(help="Robot profile: a name in config/robots such as `arm`, or a YAML file.")
]
Camera = Annotated[
    str | None,
    typer.Option(
        help="Camera to read: a topic of bags, with or without its namespace and `/compressed`, or a feature of "
        "LeRobot datasets; of several cameras all, with commas (default: as the profile says)."
    ),
]
Command = Annotated[
    str | None,
    typer.Option(
        help="Topic of bags whose messages are the actions (default: the profile's command.topic); its type must be "
        "the profile's command.type."
    ),
]
FrameSize = Annotated[
    int | None,
    typer.Option(
        min=16,
        help="Crop frames to the centre square and shrink them to so many pixels, which saves disk (default: as "
        "recorded, or the smallest when sources differ).",
    ),
]


class StampsBy(str, Enum):
    """What dates the messages of a bag."""

    header = "header"
    log = "log"


Stamps = Annotated[
    StampsBy,
    typer.Option(
        help="What dates a bag's frames and commands: their headers, or the time of recording (for cameras that do not "
        "stamp, or whose clock is another)."
    ),
]
CacheDir = Annotated[
    Path | None, typer.Option(help="Folder for the decoded frames while this runs (default: TMPDIR).")
]
