"""`wm_ros evaluate`: what a model and its encoder are worth on recorded bags, before anything moves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wm_ros.commands.data_options import CacheDir, Camera, Command, Stamps, StampsBy


def evaluate(
    out: Annotated[
        Path,
        typer.Option(
            help="Folder of report.html and report.json; must be new, or be gone on with. Of several machines: one "
            "that all share."
        ),
    ],
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Bags (folders, .mcap, .db3), videos, LeRobot datasets, NWM trajectories; each is read on its own."
        ),
    ] = None,
    checkpoint: Annotated[
        str, typer.Option(help="Folder of the model; empty: the packaged one of the profile's robot.")
    ] = "",
    profile: Annotated[
        str | None, typer.Option(help="Robot profile by which to read the bags (default: the checkpoint's).")
    ] = None,
    encoders: Annotated[
        str,
        typer.Option(
            help="Encoders to compare, with commas: checkpoint, pixels, random, folders of checkpoints; families, or "
            "some of them by name, which are trained here."
        ),
    ] = "checkpoint,pixels,random",
    effort: Annotated[
        float,
        typer.Option(
            min=0.001, help="Share of the default number of training steps; 0.01 tries everything out."
        ),
    ] = 1.0,
    jobs: Annotated[
        int, typer.Option(min=1, help="Processes on each machine, a CPU each; changes no figure.")
    ] = 2,
    compare: Annotated[
        tuple[Path, Path] | None,
        typer.Option(help="Instead: put two reports, folders that this command wrote, side by side."),
    ] = None,
    camera: Camera = None,
    command: Command = None,
    stamps: Stamps = StampsBy.header,
    cache_dir: CacheDir = None,
) -> None:
    """Evaluate encoder, latent actions and plans on recordings; the report opens in any browser, and on a phone.

    A fifth of the episodes of each recording is held out; of fewer than 100 in all, each in turn for the probes. Ended
    early, the same command goes on.

    \b
    A bag of the embedded arm, and what the packaged model is worth on it:
        wm_ros record --sim --episodes 20 --seconds 4 --out bag --seed 5
        wm_ros evaluate bag --out report
    \b
    The families of encoders at small scale; two reports side by side:
        wm_ros evaluate bag --encoders families --out families
        wm_ros evaluate --compare report families --out both
    \b
    Many bags on two machines, of which 10.0.0.1 has rank 0, the other 1:
        accelerate launch --multi_gpu --num_machines 2 --num_processes 2 --machine_rank 0 \\
            --main_process_ip 10.0.0.1 --main_process_port 29500 \\
            -m wm_ros.cli evaluate /shared/bags/* --out /shared/report --jobs 8
    """
    from wm_ros.commands.run_evaluation import run_comparison, run_evaluation

    if compare is not None:
        run_comparison(*compare, out)
    elif not paths:
        raise typer.BadParameter(
            "give at least one recording, or --compare with two reports", param_hint="BAG"
        )
    else:
        run_evaluation(
            paths,
            out,
            checkpoint=checkpoint,
            profile=profile,
            encoders=encoders,
            effort=effort,
            jobs=jobs,
            cache_dir=cache_dir,
            camera=camera,
            command=command,
            stamps=stamps.value,
        )
