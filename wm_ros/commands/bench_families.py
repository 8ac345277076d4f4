"""`wm_ros bench families`: what encoders of equal size know that learned by different objectives."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wm_ros.commands.bench_output import print_figures
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


def families(
    paths: Paths,
    out: Annotated[
        Path, typer.Option(help="Folder of encoders and table; a comparison in it is gone on with.")
    ],
    profile: Profile = "arm",
    named: Annotated[
        str | None, typer.Option("--families", help="Some of them, with commas (default: all).")
    ] = None,
    supervision: Annotated[
        str,
        typer.Option(
            help="Beside each family, the same with commands from the beginning: K:SHARE,..., pairs K model steps "
            "apart in this share of the episodes, such as 4:0.05,4:1."
        ),
    ] = "",
    encoder: Annotated[
        list[Path] | None,
        typer.Option(help="Compare this encoder, which `wm_ros convert` made, too; may be given again."),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each.")] = 3,
    effort: Annotated[
        float,
        typer.Option(min=0.001, help="Share of the default number of steps; 0.01 tries everything out."),
    ] = 1.0,
    probe_steps: Annotated[int, typer.Option(min=1, help="Training steps of each probe.")] = 1500,
    jobs: Annotated[int, typer.Option(min=1, help="Trainings at a time, a CPU each; changes no figure.")] = 1,
    camera: Camera = None,
    command: Command = None,
    frame_size: FrameSize = None,
    stamps: Stamps = StampsBy.header,
    cache_dir: CacheDir = None,
) -> None:
    """Train encoders of equal size on equal data by different objectives, and ask probes what each knows: one table.

    All have the network of encoder kind `video`, 16 tokens a frame. Families: video-predictive, end-to-end,
    video-reconstruction, image, autoencoder, commands; controls: random weights and pixels. Probes are fitted on
    episodes that trained no encoder, and scored on others again. Encoders go to OUT/<family>-<seed>, which `wm_ros
    train --encoder` takes; the table to table.json, table.md and table.png. Ended early, the same command goes on;
    more --seeds, --families or --supervision add.

    \b
    The embedded pusher, some hours on two cores:
        wm_ros record --sim --profile pusher --episodes 800 --seconds 8 --out bag
        wm_ros bench families bag --profile pusher --out families \\
            --supervision 4:0.05,4:1
    """
    import torch

    from wm_ros.bench.families.orders import MAIN, SPOILT
    from wm_ros.bench.families.report import make_table, statements, write_report
    from wm_ros.bench.families.runs import (
        FAMILIES,
        FamiliesOptions,
        converted_names,
        parse_families,
        parse_supervisions,
    )
    from wm_ros.bench.families.sweep import sweep
    from wm_ros.commands.sweep_progress import SweepProgress
    from wm_ros.data.frame_states import frame_states
    from wm_ros.data.load import load_recording
    from wm_ros.robots.profile import load_profile
    from wm_ros.training.malloc import keep_memory

    torch.set_num_threads(1)
    keep_memory()
    try:
        chosen = FAMILIES if named is None else parse_families(named)
        options = FamiliesOptions(
            chosen,
            parse_supervisions(supervision),
            converted_names(encoder or []),
            seeds,
            effort,
            probe_steps,
            jobs,
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    robot = load_profile(profile)
    with SweepProgress(
        ("masked", "error_to_copy", "redrawn", "apart", "contrast", "inverse"), (MAIN, *SPOILT)
    ) as bars:
        recording = load_recording(paths, robot, cache_dir, frame_size, camera, stamps.value, command)
        states, no_states = frame_states(recording, paths, stamps.value)
        if no_states:
            bars.say(f"no probes of the true state: {no_states}")
        runs = sweep(recording, states, out, options, bars, cache_dir)
    table = make_table(runs, recording, options, ", ".join(path.name for path in paths), no_states)
    write_report(table, out)
    print_figures(
        {
            row: {name: f"{entry['mean']:.2f}" for name, entry in entries.items()}
            for row, entries in table["rows"].items()
        }
    )
    for name, reason in table["failed"].items():
        bars.say(f"failed: {name}: {reason}")
    for line in statements(table):
        bars.say(line)
    bars.say(f"table: {out / 'table.md'}, .json and .png")
