"""`wm_ros record`: a bag or a LeRobot dataset to train from, of a simulated robot or of a live one."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from wm_ros.commands.export import Fps, Task
from wm_ros.environment import require_ros


class RecordFormat(str, Enum):
    """What is written."""

    bag = "bag"
    lerobot = "lerobot"


def record(
    out: Annotated[Path, typer.Option(help="Folder of the new bag or set.")],
    sim: Annotated[
        bool,
        typer.Option(
            "--sim",
            help="A simulated robot (arm, rover, pusher, so101_sim, pusht) in lockstep, without ROS, faster than life.",
        ),
    ] = False,
    explore: Annotated[
        bool,
        typer.Option(
            "--explore",
            help="MOVES THE ROBOT: bounded random motion through a guard. Without it and without --sim, "
            "records what somebody else makes the robot do.",
        ),
    ] = False,
    profile: Annotated[
        str, typer.Option(help="Robot profile: a name in config/robots or a YAML file.")
    ] = "arm",
    episodes: Annotated[
        int, typer.Option(min=1, help="Episodes; simulated ones each have their own scene.")
    ] = 500,
    seconds: Annotated[float, typer.Option(min=0.5, help="Length of an episode.")] = 6.0,
    seed: Annotated[int, typer.Option(min=0, help="Equal seeds, equal simulated recordings.")] = 0,
    excursion: Annotated[
        float,
        typer.Option(min=0.0, help="With --explore: how far a component may go from its start, unit x s."),
    ] = 0.5,
    format: Annotated[
        RecordFormat, typer.Option(help="A rosbag2 bag, or a LeRobot dataset (v3.0), which `lerobot` loads.")
    ] = RecordFormat.bag,
    fps: Fps = None,
    task: Task = None,
) -> None:
    """Record camera, commands and the state of the robot into an mcap bag that `wm_ros train` learns from.

    \b
    wm_ros record --sim --out bag                          500 episodes of the embedded arm, a minute or two
    wm_ros record --sim --profile rover --out bag          the same of the embedded rover
    wm_ros record --sim --profile pusht --out bag          a disc that pushes a block (doc/tasks.md)
    wm_ros record --profile robot.yaml --out bag           a live robot that you drive (Ctrl-C ends it)
    wm_ros record --profile robot.yaml --out bag --explore --episodes 100
    wm_ros record --sim --out set --format lerobot         a LeRobot dataset of it (doc/lerobot.md)
    """
    from rich.progress import Progress

    from wm_ros.commands.terminal import Terminal
    from wm_ros.robots.profile import load_profile

    if sim and explore:
        raise typer.BadParameter("--sim explores by itself; --explore is for a live robot")
    lerobot = format is RecordFormat.lerobot
    if not lerobot and (fps is not None or task is not None):
        raise typer.BadParameter(
            "--fps and --task are for --format lerobot; a bag keeps every frame, and no task"
        )
    robot = load_profile(profile)
    console = Terminal()
    bag = out
    if lerobot:
        from wm_ros.data.lerobot_export import ExportOptions, bag_beside, replace_bag

        bag = bag_beside(out)  # beside it: only when all is recorded is it known what belongs in a row
    with Progress(console=console) as bar:
        shown = bar.add_task("recording", total=float(episodes))
        if sim:
            from wm_ros.tasks.record import record_sim

            record_sim(robot, bag, episodes, seconds, seed, lambda done: bar.update(shown, completed=done))
        else:
            require_ros()
            from wm_ros.runs.record import LiveOptions, record_live

            options = LiveOptions(episodes, seconds, seed, explore, excursion, guard_profile=profile)
            counts = record_live(
                robot, bag, options, lambda done, s: bar.update(shown, completed=done + s / seconds)
            )
            for topic, count in counts.items():
                console.print(f"{topic}: {count} messages")
    if lerobot:
        for note in replace_bag(bag, robot, out, ExportOptions(fps, task)):
            console.print(f"note: {note}", soft_wrap=True)
    console.print(f"{out} is written; look into it: wm_ros inspect {out} --profile {profile}", soft_wrap=True)
