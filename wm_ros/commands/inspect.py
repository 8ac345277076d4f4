"""`wm_ros inspect`: what is in recorded data as the trainer would read it, and what it can train."""

from __future__ import annotations

from wm_ros.commands.data_options import (
    CacheDir,
    Camera,
    Command,
    FrameSize,
    Paths,
    Profile,
    Stamps,
    StampsBy,
)


def inspect(
    paths: Paths,
    profile: Profile = "arm",
    camera: Camera = None,
    command: Command = None,
    frame_size: FrameSize = None,
    stamps: Stamps = StampsBy.header,
    cache_dir: CacheDir = None,
) -> None:
    """Show what recordings hold, what could not be read, and whether they can train a model, and why not."""
    from rich.table import Table

    from wm_ros.commands.terminal import Terminal
    from wm_ros.data.describe import describe
    from wm_ros.data.load import load_recording
    from wm_ros.robots.profile import load_profile

    table = Table(show_header=False, box=None)
    recording = load_recording(
        paths, load_profile(profile), cache_dir, frame_size, camera, stamps.value, command
    )
    for label, text in describe(recording).items():
        table.add_row(label, text)
    Terminal().print(table)
