"""`wm_ros train`: recorded data in, a checkpoint folder out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

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
from wm_ros.commands.latent_options import (
    DEFAULT,
    Controller,
    ControllerKind,
    DistanceKind,
    DryRun,
    EncoderKind,
    Kind,
    Preset,
    Sizes,
    bottleneck_of,
    with_bottleneck_numbers,
)
from wm_ros.commands.run_options import (
    LogDir,
    Optimise,
    Optimiser,
    Precise,
    Precision,
    Resume,
    SaveEvery,
    require_free,
)
from wm_ros.models.encoders.kinds import TRAINED_HERE


@with_bottleneck_numbers
def train(
    paths: Paths,
    out: Annotated[
        Path, typer.Option(help="Folder of the checkpoint; must not exist yet, but for --resume.")
    ],
    profile: Profile = "arm",
    seed: Annotated[int, typer.Option(min=0, help="Equal seeds on equal data give equal checkpoints.")] = 0,
    num_threads: Annotated[
        int, typer.Option(min=1, help="CPU threads; with preset tiny, all but the encoder uses at most two.")
    ] = 2,
    bottleneck: Kind = DEFAULT,
    preset: Sizes = Preset.tiny,
    controller: ControllerKind = Controller.state_conditioned,
    action_labelled: Annotated[
        bool, typer.Option(help="Train the baseline instead, whose forward model is given the robot actions.")
    ] = False,
    joint: Annotated[
        bool,
        typer.Option(
            help="In the end, fit world model and controller together; else the former sees no command."
        ),
    ] = True,
    encoder_from: Annotated[
        Path | None,
        typer.Option(
            "--encoder",
            "--encoder-from",
            help="Take the encoder of this checkpoint, of a model or as `wm_ros convert` made it, instead of training "
            "one.",
        ),
    ] = None,
    encoder_kind: Annotated[
        EncoderKind | None,
        typer.Option(
            help="Which encoder to train: `tiny` has one token a frame, for a robot that moves itself; `video` has 16, "
            "for things that it moves (default tiny)."
        ),
    ] = None,
    goal_distance: Annotated[
        DistanceKind | None,
        typer.Option(
            help="What plans are judged by: `displacement` of the robot's own joints or base, as commands tell it, or "
            "`temporal`, how soon one picture follows upon another, in which the things count that it moves (default "
            "temporal with --encoder-kind video, else displacement)."
        ),
    ] = None,
    effort: Annotated[
        float,
        typer.Option(min=0.001, help="Share of the default number of steps; 0.01 tries everything out."),
    ] = 1.0,
    optimiser: Optimise = Optimiser.adamw,
    precision: Precise = Precision.fp32,
    resume: Resume = False,
    save_every: SaveEvery = 60.0,
    log_dir: LogDir = None,
    dry_run: DryRun = False,
    camera: Camera = None,
    command: Command = None,
    frame_size: FrameSize = None,
    stamps: Stamps = StampsBy.header,
    cache_dir: CacheDir = None,
    **numbers: float | None,
) -> None:
    """Train encoder, world model and controller from recordings.

    The latent actions and the forward model learn from the images alone, of videos without commands too, and so does
    the encoder `tiny`; `video` also learns from the commands that there are. The controller between robot actions and
    latent actions comes next, and in the end both are fitted to each other. A tenth of the episodes with commands is
    held out and scored on.

    \b
    The packaged checkpoint of the embedded arm, 11 to 14 minutes on two cores:
        wm_ros record --sim --episodes 1500 --seconds 4 --out bag --seed 0
        wm_ros train bag --out checkpoint --seed 0
    \b
    Several processes share every batch, on a GPU each, or without a GPU on the CPU:
        torchrun --nproc-per-node 2 -m wm_ros.cli train bag --out checkpoint
    """
    import torch

    from wm_ros.commands.dry_run import dry_run as print_footprint
    from wm_ros.commands.training_progress import TrainingProgress
    from wm_ros.data.load import load_recording
    from wm_ros.models.card import reached_in_words, read_card
    from wm_ros.models.checkpoint import load_encoder_of
    from wm_ros.robots.profile import load_profile
    from wm_ros.training.collapse import warnings_of
    from wm_ros.training.malloc import keep_memory
    from wm_ros.training.train import Run, TrainOptions, new_card
    from wm_ros.training.train import train as run_training

    if encoder_from is not None and encoder_kind is not None:
        raise typer.BadParameter(
            f"--encoder takes over the encoder in {encoder_from}, and --encoder-kind {encoder_kind.value} would train "
            "one: give one of the two"
        )
    begun = require_free(out, resume)
    narrow = bottleneck_of(bottleneck, action_labelled, controller, joint, numbers)
    options = TrainOptions(
        bottleneck=narrow,
        preset=preset.value,
        controller=controller.value,
        labelled=action_labelled,
        joint=joint,
        optimiser=optimiser.value,
        precision=precision.value,
        encoder_kind=(encoder_kind or EncoderKind(TRAINED_HERE[0])).value,
        goal_distance=None if goal_distance is None else goal_distance.value,
        seed=seed,
    ).scaled(effort)
    torch.set_num_threads(num_threads)
    keep_memory()
    encoder_of = None if encoder_from is None else load_encoder_of(encoder_from)
    robot = load_profile(profile)
    if dry_run:
        print_footprint(new_card(robot, options, encoder_of), options.clip_steps + 1, typer.echo)
        return
    # Of several processes, the first prints.
    with TrainingProgress(quiet=os.environ.get("RANK", "0") != "0") as bars:
        if resume:
            bars.say(f"goes on with the progress in {out}" if begun else f"no progress in {out}: begins")
        recording = load_recording(paths, robot, cache_dir, frame_size, camera, stamps.value, command)
        bars.say(
            f"{len(recording.frames)} frames, {len(recording.episodes)} episodes; notes: {len(recording.notes)}"
        )
        for note in recording.notes:
            bars.say(f"  {note}")
        source = ", ".join(path.name for path in paths)
        run = Run(resume, save_every, cache_dir, log_dir)
        scores = run_training(recording, out, options, source, bars.phase, encoder_of=encoder_of, run=run)
    bars.table(scores)
    for warning in warnings_of(narrow, scores):
        bars.say(f"warning: {warning}")
    if os.environ.get("RANK", "0") == "0":  # the process that writes
        bars.say(reached_in_words(read_card(out)))
    bars.say(f"checkpoint: {out}")
