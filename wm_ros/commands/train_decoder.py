"""`wm_ros train-decoder`: a checkpoint and recordings in, a decoder in the checkpoint's folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from wm_ros.commands.data_options import CacheDir, Camera, FrameSize, Paths, Stamps, StampsBy
from wm_ros.commands.run_options import LogDir, SaveEvery


def train_decoder(
    checkpoint: Annotated[
        Path, typer.Argument(help="Folder of the checkpoint, in which the decoder is kept.")
    ],
    paths: Paths,
    profile: Annotated[
        str | None, typer.Option(help="Robot profile of the recordings (default: the checkpoint's).")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Equal seeds on equal data give equal decoders.")] = 0,
    num_threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 2,
    effort: Annotated[
        float,
        typer.Option(min=0.001, help="Share of the default number of steps; 0.01 tries everything out."),
    ] = 1.0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where the same command was ended; begin if it was not.")
    ] = False,
    save_every: SaveEvery = 60.0,
    log_dir: LogDir = None,
    camera: Camera = None,
    frame_size: FrameSize = None,
    stamps: Stamps = StampsBy.header,
    cache_dir: CacheDir = None,
) -> None:
    """Train a decoder, which draws pictures of what a checkpoint sees and imagines.

    For people alone: the view of the pipeline and the report of `wm_ros evaluate` show what it draws; plans are the
    same with and without it. It learns from the pictures of the recordings; a decoder that is there is replaced.
    """
    import torch

    from wm_ros.commands.training_progress import TrainingProgress
    from wm_ros.data.load import load_recording
    from wm_ros.models.load import load_planning_model
    from wm_ros.robots.profile import load_profile
    from wm_ros.training.decoder import DecoderOptions, Run
    from wm_ros.training.decoder import train_decoder as run_training
    from wm_ros.training.malloc import keep_memory

    torch.set_num_threads(num_threads)
    keep_memory()
    robot = load_planning_model(checkpoint).card.robot if profile is None else load_profile(profile)
    # Of several processes, the first prints.
    with TrainingProgress(quiet=os.environ.get("RANK", "0") != "0") as bars:
        recording = load_recording(paths, robot, cache_dir, frame_size, camera, stamps.value)
        bars.say(f"{len(recording.frames)} frames, {len(recording.episodes)} episodes")
        source = ", ".join(path.name for path in paths)
        run = Run(resume, save_every, cache_dir, log_dir)
        scores = run_training(
            checkpoint, recording, DecoderOptions(seed=seed).scaled(effort), source, bars.phase, run
        )
    bars.table(scores)
    bars.say(f"decoder: {checkpoint / 'decoder.safetensors'}")
