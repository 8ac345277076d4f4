"""`wm_ros bench`: the promises in figures."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from wm_ros.commands.bench_families import families
from wm_ros.commands.bench_gpu import gpu, pack
from wm_ros.commands.bench_imitation import imitation
from wm_ros.commands.bench_live import faults, guard, soak
from wm_ros.commands.bench_output import Json, print_figures, show_figures, write_figures
from wm_ros.commands.bench_protocol import protocol
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
from wm_ros.commands.latent_options import EncoderKind
from wm_ros.planning.spaces import SPACES

# mypy reads the names of an Enum from literals only.
PlannerSpace = Enum("PlannerSpace", {name: name for name in SPACES}, type=str)  # type: ignore[misc]

bench = typer.Typer(
    help="Measure what is promised, each against the straightforward way in the same run.",
    no_args_is_help=True,
)
for elsewhere in (faults, guard, soak, gpu, pack, imitation, families, protocol):
    bench.command()(elsewhere)


@bench.command()
def goals(
    checkpoints: Annotated[
        list[str] | None, typer.Argument(help="Checkpoint folders; none: the packaged one of the robot.")
    ] = None,
    count: Annotated[int, typer.Option("--goals", min=1, help="Goals per seed.")] = 20,
    seeds: Annotated[int, typer.Option(min=1, help="Sets of scenes, starts and goals.")] = 3,
    profile: Profile = "arm",
    space: Annotated[
        list[PlannerSpace] | None, typer.Option(help="What plans are made of; given twice: each.")
    ] = None,
    json_file: Json = None,
) -> None:
    """Drive an embedded robot to unseen goal pictures in lockstep: checkpoints beside random actions.

    \b
    The action-labelled baseline beside the packaged model:
        wm_ros train bag --out labelled --action-labelled --encoder-from wm_ros/checkpoints/arm
        wm_ros bench goals wm_ros/checkpoints/arm labelled
    \b
    Plans of latent actions beside plans of robot actions:
        wm_ros bench goals --space action --space latent
    """
    import torch
    from rich.progress import Progress

    from wm_ros.bench.goals import compare
    from wm_ros.models.checkpoint import find_checkpoint, load_checkpoint, require_robot
    from wm_ros.robots.profile import load_profile

    torch.set_num_threads(1)
    robot = load_profile(profile)
    folders = {name or "packaged": find_checkpoint(name, robot) for name in checkpoints or [""]}
    models = {name: load_checkpoint(folder) for name, folder in folders.items()}
    for model in models.values():
        require_robot(model, robot)
    spaces = list(dict.fromkeys(one.value for one in space or [PlannerSpace("action")]))
    with Progress() as progress:
        task = progress.add_task("trials", total=(len(models) * len(spaces) + 1) * count * seeds)
        table = compare(models, robot, count, seeds, lambda name: progress.advance(task), spaces)
    show_figures(table, json_file)


@bench.command()
def tasks(
    out: Annotated[
        Path, typer.Option(help="Folder of models, trials and table; a measurement in it is gone on with.")
    ],
    profile: Profile = "pusht",
    bag: Annotated[
        Path | None, typer.Option(help="Train on this recording instead of making one.", exists=True)
    ] = None,
    episodes: Annotated[int, typer.Option(min=4, help="Episodes to record.")] = 3200,
    seconds: Annotated[float, typer.Option(min=1.0, help="Length of each of them.")] = 8.0,
    encoder_kind: Annotated[EncoderKind, typer.Option(help="Encoder to train.")] = EncoderKind("video"),
    effort: Annotated[
        float,
        typer.Option(min=0.001, help="Share of the default number of steps; 0.01 tries everything out."),
    ] = 1.0,
    goals: Annotated[int, typer.Option(min=1, help="Goal pictures of each seed.")] = 50,
    oracle_goals: Annotated[
        int,
        typer.Option(
            min=0,
            help="Of these, so many for the planner with the true dynamics and states in place of a model; one takes a "
            "minute or more.",
        ),
    ] = 0,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings, and sets of goals.")] = 3,
    num_threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 2,
) -> None:
    """A simulated task from a recording to goals reached: the model, the action-labelled baseline, controls; one table.

    Of each seed both models are trained, on one encoder, and driven to goals in scenes that nobody has seen. Beside
    them: standing still, random actions, and, where goals are ends of recorded motion, that motion repeated blindly.
    Probes tell what the model's states know of the task. Ended early, the same command goes on; more --seeds add.

    \b
    PushT, some hours on two cores:
        wm_ros bench tasks --profile pusht --out pusht
    """
    import torch

    from wm_ros.bench.bottlenecks.table import cell
    from wm_ros.bench.tasks.compare import TasksOptions, compare
    from wm_ros.bench.tasks.report import write_report
    from wm_ros.commands.training_progress import TrainingProgress
    from wm_ros.robots.profile import load_profile
    from wm_ros.training.malloc import keep_memory

    torch.set_num_threads(num_threads)
    keep_memory()
    options = TasksOptions(episodes, seconds, encoder_kind.value, effort, goals, oracle_goals)
    with TrainingProgress() as bars:
        table = compare(load_profile(profile), out, options, seeds, bag, bars.phase)
    write_report(table, out)
    shown = [figure for figure in table["figures"] if figure in table["rows"]["stands still"]]
    print_figures(
        {name: {figure: cell(row[figure]) for figure in shown} for name, row in table["rows"].items()}
    )
    typer.echo(f"table: {out / 'table.md'}, .json and .png")


@bench.command()
def bottlenecks(
    paths: Paths,
    out: Annotated[
        Path, typer.Option(help="Folder of checkpoints and table; a comparison in it is gone on with.")
    ],
    profile: Profile = "arm",
    encoder_from: Annotated[
        Path | None, typer.Option(help="Take the encoder of this checkpoint instead of training one.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each model.")] = 3,
    goals: Annotated[
        int, typer.Option(min=0, help="Goal pictures that each run drives the embedded arm to; 0: none.")
    ] = 10,
    vary: Annotated[
        list[str] | None,
        typer.Option(
            help="A bottleneck with other values of its number too, such as noise=0.0003,0.03 (may be repeated)."
        ),
    ] = None,
    effort: Annotated[
        float,
        typer.Option(min=0.001, help="Share of the default number of steps; 0.01 tries everything out."),
    ] = 1.0,
    jobs: Annotated[int, typer.Option(min=1, help="Runs at a time, a CPU each; changes no figure.")] = 2,
    camera: Camera = None,
    command: Command = None,
    frame_size: FrameSize = None,
    stamps: Stamps = StampsBy.header,
    cache_dir: CacheDir = None,
) -> None:
    """Train the five bottlenecks and the action-labelled baseline on one recording: one table.

    One encoder and one set of held-out episodes for all. Mean, least and most of the seeds go to table.json, table.md
    and table.png, checkpoints to OUT/<bottleneck>-<seed>. Ended early, the same command goes on; more --seeds add.

    \b
    The embedded arm, some hours on two cores:
        wm_ros record --sim --episodes 1500 --seconds 4 --out bag --seed 0
        wm_ros bench bottlenecks bag --out compared

    \b
    Capacity against planning, where the future is more than the action (capacity.png):
        wm_ros record --sim --profile pusht_distractor --episodes 800 --seconds 8 --out bag
        wm_ros bench bottlenecks bag --profile pusht_distractor --encoder-from model --out capacities \\
            --vary noise=0.0003,0.001,0.01,0.03 --vary sparse=0.01,0.4 --vary discrete=16,64,1024
    """
    import torch

    from wm_ros.bench.bottlenecks.report import asked_for, make_table, why_no_goals, write_report
    from wm_ros.bench.bottlenecks.sweep import SweepOptions, sweep
    from wm_ros.commands.sweep_progress import SweepProgress
    from wm_ros.data.load import load_recording
    from wm_ros.models.checkpoint import load_encoder_of
    from wm_ros.robots.profile import load_profile
    from wm_ros.training.malloc import keep_memory

    torch.set_num_threads(1)
    keep_memory()
    robot = load_profile(profile)
    encoder_of = None if encoder_from is None else load_encoder_of(encoder_from)
    no_goals = why_no_goals(robot, goals)
    options = SweepOptions(seeds, 0 if no_goals else goals, effort, jobs, tuple(vary or ()))
    source = ", ".join(path.name for path in paths)
    encoder = "trained once for all" if encoder_from is None else f"taken from {encoder_from.name}"
    with SweepProgress() as bars:
        if no_goals:
            bars.say(f"no planning success: {no_goals}")
        recording = load_recording(paths, robot, cache_dir, frame_size, camera, stamps.value, command)
        runs = sweep(recording, out, options, source, bars, encoder_of, cache_dir)
    table = make_table(runs, recording, asked_for(source, options, encoder), no_goals)
    written = write_report(table, out)
    bars.table(table)
    bars.say(f"in {out}: {', '.join(written)}")


@bench.command()
def images(json_file: Json = None) -> None:
    """Convert 640x480 images between messages and arrays: ours, element by element, and one copy of the pixels."""
    from wm_ros.bench.images import compare

    show_figures(compare(), json_file)


@bench.command()
def training(
    frames: Annotated[int, typer.Option(min=500, help="Frames of the shorter recording.")] = 1000,
    json_file: Json = None,
) -> None:
    """Train on states encoded once and on frames encoded for every batch; then on a recording ten times as long."""
    import torch

    from wm_ros.bench.training import compare_memory, compare_steps
    from wm_ros.training.malloc import keep_memory

    torch.set_num_threads(1)
    keep_memory()
    steps, memory = compare_steps(), compare_memory(frames)
    print_figures(steps)
    print_figures(memory)
    write_figures({"steps": steps, "memory": memory}, json_file)


@bench.command()
def planning(
    preset: Annotated[
        str, typer.Option(help="Networks of the random model: tiny, small, base, large.")
    ] = "tiny",
    tokens: Annotated[int, typer.Option(min=1, help="Tokens a frame of the random model.")] = 16,
    candidates: Annotated[int, typer.Option(min=1, help="Imagined at once, against recomputing.")] = 64,
    device: Annotated[str, typer.Option(help="cpu or cuda; closed loops run on the CPU.")] = "cpu",
    goals: Annotated[int, typer.Option(min=0, help="Goal pictures for each of 13 efforts; 0: none.")] = 10,
    compile_too: Annotated[
        bool, typer.Option("--compile", help="Measure the settings with torch.compile too; it takes minutes.")
    ] = False,
    picture: Annotated[Path, typer.Option(help="Where the curve of success goes.")] = Path("planning.png"),
    json_file: Json = None,
) -> None:
    """Planning: incremental or recomputed, time against arithmetic, and success against candidates per plan.

    \b
    Without the closed loops, in the size of the comparison with V-JEPA 2-AC's planner:
        wm_ros bench planning --preset small --tokens 64 --goals 0
    """
    import torch
    from rich.progress import Progress

    from wm_ros.bench.planning import floor, incremental, success
    from wm_ros.models.checkpoint import find_checkpoint, load_checkpoint
    from wm_ros.models.presets import PRESETS
    from wm_ros.robots.profile import load_profile

    if preset not in PRESETS:
        raise typer.BadParameter(f"unknown preset {preset!r}; known: {', '.join(PRESETS)}")
    torch.set_num_threads(1)
    content = {}
    with Progress() as progress:

        def task(name: str, total: int) -> Callable[[], None]:
            bar = progress.add_task(name, total=total)
            return lambda: progress.advance(bar)

        cases = task("incremental and recomputed", 3 * len(incremental.cases()))
        content["incremental"] = incremental.compare(preset, tokens, candidates, device, cases)
        plans = task("settings", len(floor.SETTINGS))
        content["settings"] = floor.settings(preset, tokens, device, compile_too, plans)
        steps = task("growth", sum(map(len, floor.GROWTH.values())))
        content["growth"] = floor.growth(preset, device, steps)
        if goals:
            trials = task("goal pictures", goals * len(success.cases()))
            model = load_checkpoint(find_checkpoint("", load_profile("arm")))
            content["success"] = success.compare(model, goals, 0, trials)
            success.draw(content["success"], picture)
    for table in content.values():
        print_figures(table)
    write_figures(content, json_file)


@bench.command()
def encoders(
    device: Annotated[str, typer.Option(help="Torch device: cpu, cuda.")] = "cpu",
    repeats: Annotated[
        int, typer.Option(min=1, help="Measurements of each, of which the median is shown.")
    ] = 5,
    num_threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 1,
    bf16: Annotated[bool, typer.Option("--bf16", help="Measure in bfloat16 too.")] = False,
    compile_too: Annotated[
        bool, typer.Option("--compile", help="Measure ours with torch.compile too; it takes minutes.")
    ] = False,
    json_file: Json = None,
) -> None:
    """Encode frames with V-JEPA 2: ours against transformers' processor and model, on equal seeded weights."""
    import torch

    from wm_ros.bench.encoders import compare

    torch.set_num_threads(num_threads)
    precisions = ("float32", "bfloat16") if bf16 else ("float32",)
    show_figures(compare(device, repeats, precisions, compile_too), json_file)


@bench.command()
def cameras(
    count: Annotated[int, typer.Option("--cameras", min=2, help="Cameras beside one.")] = 2,
    device: Annotated[str, typer.Option(help="Torch device: cpu, cuda.")] = "cpu",
    repeats: Annotated[
        int, typer.Option(min=1, help="Measurements of each, of which the median is shown.")
    ] = 15,
    json_file: Json = None,
) -> None:
    """Encode the frames of several cameras beside those of one: what each camera adds to the time."""
    from wm_ros.bench.cameras import compare

    show_figures(compare(count, device, repeats), json_file)
