"""`wm_ros bench gpu|pack`: what a GPU does, measured by one prepared script, and the recording that travels with it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wm_ros.commands.data_options import CacheDir, Camera, Command, Paths, Profile, Stamps, StampsBy


def gpu(
    minutes: Annotated[float, typer.Option(min=0.1, help="Time for all steps together.")] = 10.0,
    out: Annotated[
        Path, typer.Option(help="Folder of results.json, table.txt, log.txt and the trained model.")
    ] = Path("gpu"),
    device: Annotated[
        str, typer.Option(help="cuda, cuda:1; cpu: every step at a toy size, to try it out.")
    ] = "cuda",
    recording: Annotated[
        Path | None, typer.Option(help="File of `wm_ros bench pack` to train on; without, nothing is.")
    ] = None,
) -> None:
    """Measure a GPU: equality with the CPU, plans, encoders, training; most wanted first, each with a limit of time.

    Figures are in OUT/results.json as soon as they are measured. Exit code 1 when a step failed or was ended.

    \b
    On a machine that has only PyTorch, without installing this package:
        bench/gpu.sh 10 gpu cuda recording.npz
    """
    from wm_ros.bench.gpu.run import run

    if recording is not None and not recording.is_file():
        raise typer.BadParameter(f"no file at {recording}", param_hint="--recording")
    if not run(out.resolve(), minutes, device, None if recording is None else recording.resolve()):
        raise typer.Exit(1)


def pack(
    paths: Paths,
    out: Annotated[Path, typer.Option(help="File that is written, .npz.")] = Path("recording.npz"),
    most_mb: Annotated[
        float, typer.Option(min=0.001, help="Size of the file; as many episodes as fit are kept.")
    ] = 60.0,
    frame_size: Annotated[
        int, typer.Option(min=16, help="Pixels of the square that frames are shrunk to.")
    ] = 64,
    profile: Profile = "arm",
    camera: Camera = None,
    command: Command = None,
    stamps: Stamps = StampsBy.header,
    cache_dir: CacheDir = None,
) -> None:
    """Pack a recording into one small file, for `bench gpu` on a machine without the libraries that read bags.

    \b
    wm_ros bench pack bag --profile pusht --out recording.npz
    """
    from wm_ros.data.load import load_recording
    from wm_ros.data.packed import pack as write
    from wm_ros.robots.profile import load_profile

    recording = load_recording(
        paths, load_profile(profile), cache_dir, frame_size, camera, stamps.value, command
    )
    kept = write(recording, out, most_mb)
    size_mb = out.stat().st_size / 1e6
    typer.echo(f"{out}: {kept} of {len(recording.episodes)} episodes, {size_mb:.1f} MB")
