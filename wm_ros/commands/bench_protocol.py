"""`wm_ros bench protocol`: the published protocols for those who have the data."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from wm_ros.commands.bench_output import print_figures
from wm_ros.commands.data_options import CacheDir, Camera, Command, FrameSize, Stamps, StampsBy


class Published(str, Enum):
    """The protocols by their names."""

    droid = "droid"
    recon = "recon"


def protocol(
    name: Annotated[Published, typer.Argument(help="Which of the two.")],
    paths: Annotated[
        list[Path],
        typer.Argument(
            help="Trajectories that were held out. droid: LeRobot datasets of an end effector, or bags. recon: folders "
            "in NWM's layout (0.jpg, 1.jpg ... and traj_data.pkl), single ones or folders of them; LeRobot datasets or "
            "bags of a base."
        ),
    ],
    checkpoint: Annotated[
        str,
        typer.Option(help="Folder of the model: one that `wm_ros train` wrote, or V-JEPA 2-AC, converted."),
    ],
    out: Annotated[
        Path, typer.Option(help="Folder of plans and table.json; a measurement in it is gone on with.")
    ],
    profile: Annotated[
        str | None, typer.Option(help="Robot profile by which to read the data (default: the checkpoint's).")
    ] = None,
    episodes: Annotated[
        int, typer.Option(min=1, help="Trajectories, at most; up to 4 starts of each.")
    ] = 100,
    seeds: Annotated[int, typer.Option(min=1, help="Plans from each start, with other random numbers.")] = 3,
    device: Annotated[str, typer.Option(help="Torch device: cpu, cuda.")] = "cpu",
    num_threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 1,
    camera: Camera = None,
    command: Command = None,
    frame_size: FrameSize = None,
    stamps: Stamps = StampsBy.header,
    cache_dir: CacheDir = None,
) -> None:
    """The published protocols for planning, DROID and RECON, on your copy of the data; nothing is downloaded.

    droid: plan three steps ahead, and compare the summed translation with the recorded one, in metres. CEM with 300
    samples, 15 iterations and 10 elites, from a frame to the one three model steps later.

    recon: plan eight steps ahead with one held command, and compare the path with the driven one: ATE and RPE. 120
    candidates in one iteration, the best 5 averaged, from a frame to the one eight model steps later.

    Controls stand beside, and the published figures with what differs from them. Ended early, the same command goes on;
    more --seeds add.

    \b
    A model of DROID's LeRobot set, trained on some episodes and asked on others:
        wm_ros inspect droid_test --profile droid
        wm_ros train droid_train --profile droid --out model
        wm_ros bench protocol droid droid_test --checkpoint model --out droid_protocol
    \b
    A model of RECON's training split, asked on trajectories of its test split:
        wm_ros inspect recon_test --profile recon
        wm_ros train recon_train --profile recon --out model
        wm_ros bench protocol recon recon_test --checkpoint model --out recon_protocol
    \b
    The trajectories that NWM's rollout_traj_names.txt names alone:
        wm_ros bench protocol recon $(sed s,^,recon/, rollout_traj_names.txt) --checkpoint model --out recon_protocol
    """
    import torch
    from rich.progress import Progress

    from wm_ros.bench.protocols.droid import DROID
    from wm_ros.bench.protocols.recon import RECON
    from wm_ros.bench.protocols.run import run
    from wm_ros.bench.protocols.table import shown
    from wm_ros.commands.terminal import Terminal
    from wm_ros.data.load import load_recording
    from wm_ros.evaluation.config import weights_digest
    from wm_ros.models.checkpoint import require_robot
    from wm_ros.models.load import load_planning_model
    from wm_ros.robots.profile import load_profile

    torch.set_num_threads(num_threads)
    what = {Published.droid: DROID, Published.recon: RECON}[name]
    folder = Path(checkpoint).expanduser()
    model = load_planning_model(folder, device)
    robot = model.card.robot if profile is None else load_profile(profile)
    what.check(robot)
    require_robot(model, robot)
    recording = load_recording(paths, robot, cache_dir, frame_size, camera, stamps.value, command)
    terminal = Terminal()
    for note in _once(recording.notes):
        terminal.print(note, soft_wrap=True)
    with Progress(console=terminal) as progress:
        bar = progress.add_task("plans", total=None)
        table = run(
            what,
            model,
            weights_digest(folder),
            recording,
            [path.resolve().name for path in paths],
            episodes,
            seeds,
            out,
            lambda done, total: progress.update(bar, completed=done, total=total),
        )
    print_figures(shown(table))
    for figure, meaning in table["figures"].items():
        terminal.print(f"{figure.replace('_', ' ')}: {meaning}", soft_wrap=True)
    terminal.print("In brackets: 95 % confidence, over episodes.", soft_wrap=True)
    for sentence in table["differs"]:
        terminal.print(sentence, soft_wrap=True)
    terminal.print(f"table: {out / 'table.json'}", soft_wrap=True)


def _once(notes: Sequence[str]) -> list[str]:
    """Notes, those that are of several recordings once."""
    of: dict[str, list[str]] = {}
    for note in notes:
        name, _, text = note.partition(": ")
        of.setdefault(text, []).append(name)
    return [
        f"{names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}: {text}"
        for text, names in of.items()
    ]
