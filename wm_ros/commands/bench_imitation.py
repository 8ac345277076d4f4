"""`wm_ros bench imitation`: demonstrations without commands, imitated."""

from __future__ import annotations

from typing import Annotated

import typer

from wm_ros.commands.bench_output import Json, show_figures
from wm_ros.commands.data_options import Profile


def imitation(
    checkpoint: Annotated[str, typer.Argument(help="Checkpoint folder; empty: the packaged one.")] = "",
    profile: Profile = "arm",
    count: Annotated[int, typer.Option("--demonstrations", min=1, help="Of each kind.")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Of scenes, demonstrations and starts.")] = 0,
    same_scene: Annotated[
        bool, typer.Option("--same-scene", help="Imitate in the scene of the demonstration, not in another.")
    ] = False,
    json_file: Json = None,
) -> None:
    """Have an embedded robot (arm, rover, pusher) do what a video shows, from another start, in lockstep.

    Four ways: its frames as goals along the way, its latent actions and planning around them, its last picture alone,
    its commands replayed blindly. Success: all stops of the way passed in order, the end held, nothing touched that
    must not be. The distance from the demonstrated path is the mean along it, whatever time it takes.
    """
    import torch
    from rich.progress import Progress

    from wm_ros.bench.imitation import WAYS, compare
    from wm_ros.models.checkpoint import find_checkpoint, load_checkpoint, require_robot
    from wm_ros.robots.profile import load_profile
    from wm_ros.tasks.demonstrations import kinds_of

    torch.set_num_threads(1)
    robot = load_profile(profile)
    model = load_checkpoint(find_checkpoint(checkpoint, robot))
    require_robot(model, robot)
    with Progress() as progress:
        task = progress.add_task("trials", total=len(kinds_of(robot)) * len(WAYS) * count)
        table = compare(model, robot, count, seed, not same_scene, lambda row: progress.advance(task))
    show_figures(table, json_file)
