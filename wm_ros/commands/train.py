"""`wm_ros train`: recorded data in, a checkpoint folder out."""

from __future__ import annotations

import ctypes
import os
import sys
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from wm_ros.commands.data_options import CacheDir, Camera, FrameSize, Paths, Profile


class Optimiser(str, Enum):
    """`muon`: for the matrices of transformer blocks, with AdamW for the rest."""

    adamw = "adamw"
    muon = "muon"


class Precision(str, Enum):
    """`bf16`: networks in bfloat16, weights in float32."""

    fp32 = "fp32"
    bf16 = "bf16"


def train(
    paths: Paths,
    out: Annotated[
        Path, typer.Option(help="Folder of the checkpoint; must not exist yet, but for --resume.")
    ],
    profile: Profile = "arm",
    seed: Annotated[int, typer.Option(min=0, help="Equal seeds on equal data give equal checkpoints.")] = 0,
    num_threads: Annotated[
        int, typer.Option(min=1, help="CPU threads for the encoder; the rest uses one.")
    ] = 2,
    action_labelled: Annotated[
        bool, typer.Option(help="Train the baseline instead, whose forward model is given the robot actions.")
    ] = False,
    encoder_from: Annotated[
        Path | None, typer.Option(help="Take the encoder of this checkpoint instead of training one.")
    ] = None,
    effort: Annotated[
        float,
        typer.Option(min=0.001, help="Share of the default number of steps; 0.01 tries everything out."),
    ] = 1.0,
    optimiser: Annotated[
        Optimiser, typer.Option(help="muon: for the matrices of transformer blocks, AdamW for the rest.")
    ] = Optimiser.adamw,
    precision: Annotated[
        Precision, typer.Option(help="bf16: networks in bfloat16, weights and optimiser in float32.")
    ] = Precision.fp32,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on where the same command was ended, to the same weights; begin if it was not.",
        ),
    ] = False,
    save_every: Annotated[
        float, typer.Option(min=0.0, help="Seconds between savings of the progress, in the folder of --out.")
    ] = 60.0,
    log_dir: Annotated[
        Path | None, typer.Option(help="Write every figure of every step here, for TensorBoard.")
    ] = None,
    camera: Camera = None,
    frame_size: FrameSize = None,
    cache_dir: CacheDir = None,
) -> None:
    """Train encoder, world model and controller from recordings.

    The encoder, the latent actions and the forward model learn from the images alone, of videos without commands too;
    the commands are used last, for the controller between robot actions and latent actions. A tenth of the episodes
    with commands is held out and scored on.

    \b
    The packaged checkpoint of the embedded arm, about 15 minutes on two cores:
        wm_ros record --sim --out bag --seed 0
        wm_ros train bag --out checkpoint --seed 0
    \b
    Several processes or GPUs share every batch; one GPU is used where there is one:
        accelerate launch --num_processes 2 -m wm_ros.cli train bag --out checkpoint
    """
    import torch

    from wm_ros.commands.train_view import TrainView
    from wm_ros.data.load import load_recording
    from wm_ros.models.checkpoint import load_checkpoint
    from wm_ros.robots.profile import load_profile
    from wm_ros.training.train import Run, TrainOptions
    from wm_ros.training.train import train as run_training

    begun = _require_free(out, resume)
    torch.set_num_threads(num_threads)
    keep_memory()
    encoder_of = None if encoder_from is None else load_checkpoint(encoder_from)
    # Of several processes, the first prints.
    with TrainView(quiet=os.environ.get("RANK", "0") != "0") as view:
        if resume:
            view.say(f"goes on with the progress in {out}" if begun else f"no progress in {out}: begins")
        recording = load_recording(paths, load_profile(profile), cache_dir, frame_size, camera)
        view.say(
            f"{len(recording.frames)} frames, {len(recording.episodes)} episodes; notes: {len(recording.notes)}"
        )
        for note in recording.notes:
            view.say(f"  {note}")
        source = ", ".join(path.name for path in paths)
        options = TrainOptions(
            seed=seed, labelled=action_labelled, optimiser=optimiser.value, precision=precision.value
        ).scaled(effort)
        run = Run(resume, save_every, cache_dir, log_dir)
        scores = run_training(recording, out, options, source, view.phase, encoder_of, run)
    view.table(scores)
    view.say(f"checkpoint: {out}")


def _require_free(out: Path, resume: bool) -> bool:
    """Whether the folder holds progress to go on with; refuses one that holds anything else."""
    found = {path.name for path in out.iterdir()} if out.is_dir() else set()
    begun = ".progress" in found and "card.json" not in found  # which is written last
    if begun and not resume:
        raise typer.BadParameter(
            f"{out} holds the progress of a training that was ended: --resume goes on with it; delete the folder to "
            "begin anew",
            param_hint="--out",
        )
    if not begun and (found or out.is_file()):
        raise typer.BadParameter(
            f"{out} exists and is not an empty folder; nothing is overwritten", param_hint="--out"
        )
    return begun


def keep_memory() -> None:
    """Have glibc keep freed memory: giving activations back to the system at every step doubles training time."""
    if sys.platform == "linux":
        trim_threshold, mmap_threshold = -1, -3  # of <malloc.h>
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(mmap_threshold, 1 << 30)
            mallopt(trim_threshold, (1 << 31) - 1)
