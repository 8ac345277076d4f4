"""`wm_ros bench`: the promises in figures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from wm_ros.commands.data_options import CacheDir, Camera, FrameSize, Paths, Profile

bench = typer.Typer(
    help="Measure what is promised, each against the straightforward way in the same run.",
    no_args_is_help=True,
)
Domain = Annotated[
    int | None, typer.Option(min=1, max=100, help="First ROS_DOMAIN_ID to use; by default one of its own.")
]
Json = Annotated[Path | None, typer.Option("--json", help="Write the figures to this file too.")]


@bench.command()
def goals(
    checkpoints: Annotated[
        list[str] | None, typer.Argument(help="Checkpoint folders; none: the packaged one of the arm.")
    ] = None,
    count: Annotated[int, typer.Option("--goals", min=1, help="Goals per seed.")] = 20,
    seeds: Annotated[int, typer.Option(min=1, help="Sets of scenes, starts and goals.")] = 3,
    json_file: Json = None,
) -> None:
    """Drive the embedded arm to unseen goal pictures in lockstep: checkpoints beside random actions.

    \b
    The action-labelled baseline beside the packaged model:
        wm_ros train bag --out labelled --action-labelled --encoder-from wm_ros/checkpoints/arm
        wm_ros bench goals wm_ros/checkpoints/arm labelled
    """
    import torch
    from rich.progress import Progress

    from wm_ros.bench.goals import compare
    from wm_ros.models.checkpoint import find_checkpoint, load_checkpoint, require_robot
    from wm_ros.robots.profile import load_profile

    torch.set_num_threads(1)
    profile = load_profile("arm")
    folders = {name or "packaged": find_checkpoint(name, profile) for name in checkpoints or [""]}
    models = {name: load_checkpoint(folder) for name, folder in folders.items()}
    for model in models.values():
        require_robot(model, profile)
    with Progress() as progress:
        task = progress.add_task("trials", total=(len(models) + 1) * count * seeds)
        table = compare(models, profile, count, seeds, lambda name: progress.advance(task))
    _show(table, json_file)


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
    effort: Annotated[
        float,
        typer.Option(min=0.001, help="Share of the default number of steps; 0.01 tries everything out."),
    ] = 1.0,
    jobs: Annotated[int, typer.Option(min=1, help="Runs at a time, a CPU each; changes no figure.")] = 2,
    camera: Camera = None,
    frame_size: FrameSize = None,
    cache_dir: CacheDir = None,
) -> None:
    """Train the five bottlenecks and the action-labelled baseline on one recording: one table.

    One encoder and one set of held-out episodes for all. Mean, least and most of the seeds go to table.json, table.md
    and table.png, checkpoints to OUT/<bottleneck>-<seed>. Ended early, the same command goes on; more --seeds add.

    \b
    The embedded arm, some hours on two cores:
        wm_ros record --sim --episodes 1500 --seconds 4 --out bag --seed 0
        wm_ros bench bottlenecks bag --out compared
    """
    import torch

    from wm_ros.bench.bottlenecks.report import asked_for, make_table, why_no_goals, write_report
    from wm_ros.bench.bottlenecks.sweep import SweepOptions, sweep
    from wm_ros.commands.sweep_view import SweepView
    from wm_ros.data.load import load_recording
    from wm_ros.models.checkpoint import load_encoder_of
    from wm_ros.robots.profile import load_profile
    from wm_ros.training.memory import keep_memory

    torch.set_num_threads(1)
    keep_memory()
    robot = load_profile(profile)
    encoder_of = None if encoder_from is None else load_encoder_of(encoder_from)
    no_goals = why_no_goals(robot, goals)
    options = SweepOptions(seeds, 0 if no_goals else goals, effort, jobs)
    source = ", ".join(path.name for path in paths)
    encoder = "trained once for all" if encoder_from is None else f"taken from {encoder_from.name}"
    with SweepView() as view:
        if no_goals:
            view.say(f"no planning success: {no_goals}")
        recording = load_recording(paths, robot, cache_dir, frame_size, camera)
        runs = sweep(recording, out, options, source, view, encoder_of, cache_dir)
    table = make_table(runs, recording, asked_for(source, options, encoder), no_goals)
    write_report(table, out)
    view.table(table)
    view.say(f"table: {out / 'table.md'}, .json and .png")


@bench.command()
def faults(
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of each fault.")] = 5,
    only: Annotated[
        str, typer.Option(help="Only faults with this in their name: camera, guard, clock ...")
    ] = "",
    jobs: Annotated[int, typer.Option(min=1, help="Sets of processes side by side.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Of the moments at which faults come.")] = 0,
    domain: Annotated[
        int | None,
        typer.Option(min=1, max=100, help="ROS_DOMAIN_ID of the first set; by default one of its own."),
    ] = None,
    json_file: Json = None,
) -> None:
    """Break things around a moving robot and look at what it is told: real pipeline and guard processes, over DDS.

    Per fault: the worst time to zero on the robot's topic, commands out of limits, whether the last is zero and
    whether anything moved again without ~/start. Exit code 1 when one of these promises is broken.
    """
    from rich.progress import Progress

    from wm_ros.bench.faults import limit_s, run_rounds, table
    from wm_ros.nodes.client import use_own_domain
    from wm_ros.nodes.fault_rounds.catalogue import FAULTS
    from wm_ros.robots.profile import load_profile

    names = [name for name in FAULTS if only in name]
    if not names:
        raise typer.BadParameter(f"{only!r} is in none of: {', '.join(FAULTS)}", param_hint="--only")
    limit = limit_s(load_profile("arm"))
    with Progress() as progress:
        task = progress.add_task("rounds", total=rounds * len(names))
        found = run_rounds(
            names, rounds, jobs, seed, use_own_domain(domain), lambda _: progress.advance(task)
        )
    rows = table(found, limit)
    _print(rows)
    _write({"limit_s": round(limit, 3), "seed": seed, "faults": rows}, json_file)
    broken = [name for name, row in rows.items() if not row["kept"]]
    typer.echo(
        f"limit {limit:.2f} s to zero; "
        + (f"broken: {', '.join(broken)}" if broken else "every promise kept")
    )
    if broken:
        raise typer.Exit(1)


@bench.command()
def guard(
    seconds: Annotated[float, typer.Option(min=5.0, help="Seconds to measure.")] = 20.0,
    busy_cores: Annotated[
        int | None, typer.Option(min=0, help="Cores that others keep busy; by default all but one.")
    ] = None,
    domain: Domain = None,
    json_file: Json = None,
) -> None:
    """Measure what the guard's process costs at its rate, and how evenly it ticks while other cores are busy."""
    import os

    from rich.progress import Progress

    from wm_ros.nodes.client import use_own_domain
    from wm_ros.nodes.guard_figures import measure

    use_own_domain(domain)
    busy = (os.cpu_count() or 1) - 1 if busy_cores is None else busy_cores
    with Progress() as progress:
        task = progress.add_task("guard", total=1.0)
        figures = measure(seconds, busy, lambda share: progress.update(task, completed=share))
    _show(figures, json_file)


@bench.command()
def soak(
    minutes: Annotated[float, typer.Option(min=0.2, help="Minutes to drive.")] = 20.0,
    domain: Domain = None,
    json_file: Json = None,
) -> None:
    """Drive under a 640x480 stream at 20 Hz: memory, files, latency, lost frames, and how old pictures get.

    Exit code 1 when a command followed a picture older than the limit, broke a limit, or a process opens files.
    """
    from rich.progress import Progress

    from wm_ros.nodes import soak as drive
    from wm_ros.nodes.client import use_own_domain

    use_own_domain(domain)
    with Progress() as progress:
        task = progress.add_task("pipeline", total=1.0)
        figures = drive.soak(
            60.0 * minutes,
            lambda share, text: progress.update(task, completed=share, description=f"pipeline {text}"),
        )
    _show({name: {"soak": figure} for name, figure in figures.items()}, None)
    _write(figures, json_file)
    broken = drive.broken_promises(figures)
    if broken:
        typer.echo(f"broken: {'; '.join(broken)}")
        raise typer.Exit(1)


@bench.command()
def images(json_file: Json = None) -> None:
    """Convert 640x480 images between messages and arrays: ours, element by element, and one copy of the pixels."""
    from wm_ros.bench.images import compare

    _show(compare(), json_file)


@bench.command()
def training(
    frames: Annotated[int, typer.Option(min=500, help="Frames of the shorter recording.")] = 1000,
    json_file: Json = None,
) -> None:
    """Train on states encoded once and on frames encoded for every batch; then on a recording ten times as long."""
    import torch

    from wm_ros.bench.training import compare_memory, compare_steps
    from wm_ros.training.memory import keep_memory

    torch.set_num_threads(1)
    keep_memory()
    steps, memory = compare_steps(), compare_memory(frames)
    _print(steps)
    _print(memory)
    _write({"steps": steps, "memory": memory}, json_file)


@bench.command()
def planning(
    preset: Annotated[
        str, typer.Option(help="Networks of the random model: tiny, small, base, large.")
    ] = "tiny",
    tokens: Annotated[int, typer.Option(min=1, help="Tokens a frame of the random model.")] = 1,
    device: Annotated[str, typer.Option(help="cpu or cuda; closed loops run on the CPU.")] = "cpu",
    goals: Annotated[int, typer.Option(min=0, help="Goal pictures for each of 13 efforts; 0: none.")] = 10,
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

        cases = task("incremental and recomputed", 2 * len(incremental.cases()))
        candidates = 8 if device == "cpu" else 64
        content["incremental"] = incremental.compare(preset, tokens, candidates, device, cases)
        plans = task("settings", len(floor.SETTINGS))
        content["settings"] = floor.settings(preset, tokens, device, plans)
        steps = task("growth", sum(map(len, floor.GROWTH.values())))
        content["growth"] = floor.growth(preset, device, steps)
        if goals:
            trials = task("goal pictures", goals * len(success.cases()))
            model = load_checkpoint(find_checkpoint("", load_profile("arm")))
            content["success"] = success.compare(model, goals, 0, trials)
            success.draw(content["success"], picture)
    for table in content.values():
        _print(table)
    _write(content, json_file)


@bench.command()
def encoders(
    device: Annotated[str, typer.Option(help="Torch device: cpu, cuda.")] = "cpu",
    repeats: Annotated[
        int, typer.Option(min=1, help="Measurements of each, of which the median is shown.")
    ] = 5,
    num_threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 1,
    bf16: Annotated[bool, typer.Option("--bf16", help="Measure in bfloat16 too.")] = False,
    json_file: Json = None,
) -> None:
    """Encode frames with V-JEPA 2: ours against transformers' processor and model, on equal seeded weights."""
    import torch

    from wm_ros.bench.encoders import compare

    torch.set_num_threads(num_threads)
    _show(compare(device, repeats, ("float32", "bfloat16") if bf16 else ("float32",)), json_file)


def _show(table: dict[str, dict[str, object]], json_file: Path | None) -> None:
    _print(table)
    _write(table, json_file)


def _print(table: dict[str, dict[str, object]]) -> None:
    from rich.console import Console
    from rich.table import Table

    columns = list(next(iter(table.values())))
    view = Table()
    view.add_column("", overflow="fold", min_width=12)
    for column in columns:
        view.add_column(column.replace("_", " "))
    for name, row in table.items():
        view.add_row(name, *(str(row[column]) for column in columns))
    Console().print(view)


def _write(content: dict[str, object], json_file: Path | None) -> None:
    if json_file is not None:
        json_file.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
