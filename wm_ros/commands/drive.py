"""`wm_ros drive`: one goal picture after the other, from a folder, a video or a bag."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wm_ros.commands.data_options import Profile
from wm_ros.environment import require_ros
from wm_ros.printable import printable


def drive(
    goals: Annotated[
        Path | None,
        typer.Option(
            help="A folder of pictures, in the order of their names; or a video or a bag, of which frames are taken."
        ),
    ] = None,
    imitate: Annotated[
        Path | None,
        typer.Option(
            help="In place of --goals: do what a video, a bag or a folder of pictures a model step apart shows."
        ),
    ] = None,
    profile: Profile = "arm",
    enable_control: Annotated[
        bool,
        typer.Option(
            "--enable-control",
            help="MOVES THE ROBOT: start the guard. Without it, goals are shown and distances measured.",
        ),
    ] = False,
    sim: Annotated[
        bool,
        typer.Option(
            "--sim",
            help="An embedded robot (arm, rover, pusher) in a scene of --seed, unseen by your ROS network.",
        ),
    ] = False,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="With --sim: the scene.")] = 0,
    checkpoint: Annotated[
        str, typer.Option(help="Checkpoint folder; empty: the packaged one of the robot.")
    ] = "",
    reached: Annotated[
        float | None,
        typer.Option(
            min=1e-6, help="Goal distance at which a goal is reached (default: as the checkpoint says)."
        ),
    ] = None,
    hold: Annotated[float, typer.Option(min=0.0, help="Seconds the robot must stay there.")] = 1.0,
    limit: Annotated[
        float | None,
        typer.Option(
            min=0.5,
            help="Seconds a goal may take before the next comes (default: 20; to imitate, 3 times the "
            "demonstration and 20).",
        ),
    ] = None,
    stuck: Annotated[
        float,
        typer.Option(
            min=0.0, help="Seconds after which a goal that gets no nearer ends the sequence; 0: never."
        ),
    ] = 8.0,
    spacing: Annotated[
        float,
        typer.Option(
            min=0.5, help="Of goals from a video or a bag: so many times the distance of a reached goal."
        ),
    ] = 4.0,
    episode: Annotated[int, typer.Option(min=0, help="Of a bag: which episode.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder for drive.json, the goals and logs.")] = Path("drive"),
    record: Annotated[
        Path | None,
        typer.Option(help="Write a bag of camera, commands, state, goals, plans and stops."),
    ] = None,
    params: Annotated[
        Path | None,
        typer.Option(help="Parameter file of the nodes that are started (default: config/arm.yaml)."),
    ] = None,
    domain: Annotated[
        int | None,
        typer.Option(
            min=0, max=101, help="With --sim: ROS_DOMAIN_ID to watch it on (default: one of its own)."
        ),
    ] = None,
) -> None:
    """Show the robot one goal after the other: the next when one is reached and held, or when its time is up.

    Uses the pipeline and the guard that run on this ROS_DOMAIN_ID, and starts those that do not. At the end the guard
    stops the robot. Exit code 0 when all goals were reached, 1 when some were not.

    \b
    wm_ros drive --goals pictures                                   a dry run: nothing is sent to the robot
    wm_ros drive --goals pictures --enable-control                  the robot moves
    wm_ros drive --goals video.mp4 --enable-control --record bag    along a video, and keep what happened
    wm_ros drive --imitate video.mp4 --enable-control               do what the video shows, no faster
    wm_ros record --sim --episodes 1 --seconds 10 --out bag && wm_ros drive --goals bag --sim --enable-control
    """
    require_ros()
    import json

    from rich.live import Live

    from wm_ros.commands.drive_table import DriveTable
    from wm_ros.commands.terminal import Terminal
    from wm_ros.robots.profile import load_profile
    from wm_ros.runs.drive import DriveOptions, run_drive
    from wm_ros.runs.goal_pictures import Spacing, demonstration_pictures, goal_pictures, write_pictures

    if params is not None and not params.is_file():
        raise typer.BadParameter(printable(f"{params} is no file"), param_hint="--params")
    if record is not None and record.exists():
        raise typer.BadParameter(printable(f"{record} exists already"), param_hint="--record")
    given = {name: path for name, path in (("--goals", goals), ("--imitate", imitate)) if path is not None}
    if len(given) != 1:
        raise typer.BadParameter("give one of --goals and --imitate", param_hint="--goals")
    [(name, source)] = given.items()
    if not source.exists():
        raise typer.BadParameter(printable(f"there is nothing at {source}"), param_hint=name)
    console = Terminal()
    robot = load_profile(profile)
    with console.status(f"reading {source}"):
        if imitate is None:
            found = Spacing(checkpoint, reached or 0.0, spacing, episode)
            pictures, said = goal_pictures(source, robot, found)
        else:
            pictures, said = demonstration_pictures(source, robot, episode)
        write_pictures(pictures, out / "goals")
    console.print(f"{source}: {said}; they are in {out / 'goals'}", soft_wrap=True)
    if limit is None:
        limit = 20.0 if imitate is None else 20.0 + 3.0 * len(pictures) * robot.model_dt
    if not enable_control:
        console.print("dry run: nothing is sent to the robot; --enable-control lets it move", soft_wrap=True)
    sequence = {"reached": reached or 0.0, "hold_s": hold, "limit_s": limit, "stuck_s": stuck}
    options = DriveOptions(
        robot=profile,
        goals=out / "goals",
        checkpoint=checkpoint,
        imitate=imitate is not None,
        enable_control=enable_control,
        simulate=seed if sim else None,
        sequence=sequence,
        parameter_file=params,
        record=record,
        domain=domain,
    )
    table = DriveTable(len(pictures) if imitate is None else 1)
    try:
        with Live(table, console=console, refresh_per_second=5):
            summary = run_drive(options, out / "logs", table.show)
    finally:
        if not console.is_terminal:
            console.print()  # rich ends the table's last line on terminals alone
    (out / "drive.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    if summary["reason"]:
        console.print(f"ended early: {summary['reason']}", soft_wrap=True)
    console.print(
        f"{summary['reached']} of {summary['count']} goals reached in {summary['seconds']:.0f} s; {out / 'drive.json'}",
        soft_wrap=True,
    )
    if summary["reached"] < summary["count"]:
        raise typer.Exit(1)
