"""`wm_ros replay`: a recorded bag through the live nodes, nothing sent to a robot, with figures and a verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from wm_ros.commands.data_options import Camera, Command, Profile, StampsBy
from wm_ros.environment import require_ros
from wm_ros.printable import printable


def replay(
    bag: Annotated[Path, typer.Argument(help="A rosbag2 folder, an .mcap or a .db3 file.")],
    out: Annotated[Path, typer.Option(help="Folder for replay.json, pictures and logs.")] = Path("replay"),
    checkpoint: Annotated[
        str, typer.Option(help="Checkpoint folder; empty: the packaged one of the robot.")
    ] = "",
    profile: Profile = "arm",
    camera: Camera = None,
    command: Command = None,
    stamps: Annotated[StampsBy, typer.Option(hidden=True)] = StampsBy.header,
    rate: Annotated[
        float,
        typer.Option(min=0.1, max=2.0, help="Seconds of the bag in a second; only 1 is judged."),
    ] = 1.0,
    goal_image: Annotated[
        Path | None, typer.Option(help="Picture of the goal (default: the last frame of each episode).")
    ] = None,
    goal_after: Annotated[
        float | None,
        typer.Option(min=0.5, help="The goal is the frame so many seconds ahead, renewed as often."),
    ] = None,
    episodes: Annotated[int | None, typer.Option(min=1, help="Play only so many episodes.")] = None,
    faults: Annotated[
        Path | None,
        typer.Option(
            help="Fault script (see config/replay_faults.yaml): instead of whole episodes, one play a fault."
        ),
    ] = None,
    compare: Annotated[
        Path | None,
        typer.Option(
            help="Another checkpoint, played too, or the folder of an earlier replay: both side by side."
        ),
    ] = None,
    thresholds: Annotated[
        Path | None, typer.Option(help="What must be kept (default: config/replay_thresholds.yaml).")
    ] = None,
    params: Annotated[
        Path | None,
        typer.Option(help="The nodes' parameter file, as on the robot (default: config/arm.yaml)."),
    ] = None,
    domain: Annotated[
        int | None,
        typer.Option(min=0, max=101, help="ROS_DOMAIN_ID to watch it on (default: one of its own)."),
    ] = None,
) -> None:
    """Play a bag's camera to pipeline_node and guard_node and measure: in time? safe? beside the operator?

    The guard's commands go to a topic of their own, never to a robot's. Ends with exit code 1 when a threshold is
    missed.

    \b
    wm_ros record --sim --episodes 5 --out bag                       a bag to try it with
    wm_ros replay bag                                                latencies, stops, commands
    wm_ros replay bag --faults config/replay_faults.yaml             the camera fails: does the robot stop?
    wm_ros replay bag --checkpoint new --compare old                 two checkpoints side by side
    """
    require_ros()
    import json
    from dataclasses import replace

    from rich.progress import Progress

    from wm_ros.commands.replay_table import show, show_comparison
    from wm_ros.commands.terminal import Terminal
    from wm_ros.data.bag_messages import Bag
    from wm_ros.data.segments import survey
    from wm_ros.evaluation.replay.compare import read_summary
    from wm_ros.evaluation.replay.faults import detectable_faults, load_faults, select_episode
    from wm_ros.evaluation.replay.picture import draw_commands, draw_faults
    from wm_ros.evaluation.replay.results import around_fault, whole_episode
    from wm_ros.evaluation.replay.summary import summarise
    from wm_ros.evaluation.replay.thresholds import load_thresholds
    from wm_ros.messages.image import read_picture
    from wm_ros.robots.profile import load_profile
    from wm_ros.runs.replay import ReplayOptions, run_replay

    _refuse_contradictions(goal_image, goal_after, params, stamps)
    console = Terminal()
    robot, limits = load_profile(profile), load_thresholds(thresholds)
    script, left_out = detectable_faults(load_faults(faults) if faults else (), robot)
    goal = read_picture(goal_image) if goal_image else None
    with console.status(f"reading {bag}"):
        opened = Bag(bag)
        found = survey(opened, robot, camera, command)
    found = replace(found, notes=(*found.notes, *left_out))
    segments = found.segments[:episodes]
    playbacks = [around_fault(fault, select_episode(fault, segments)) for fault in script] or [
        whole_episode(one) for one in segments
    ]
    before_s = [
        sum(playback.duration_s for playback in playbacks[:number]) for number in range(len(playbacks))
    ]

    def play(folder: Path, model: str) -> dict[str, Any]:
        """Play all to one checkpoint and write what came of it into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        options = ReplayOptions(profile, model, rate, goal, goal_after, params, domain)
        with Progress(console=console, transient=True) as bar:
            task = bar.add_task("playing", total=sum(playback.duration_s for playback in playbacks))
            result = run_replay(
                opened,
                found,
                robot,
                playbacks,
                options=options,
                log_dir=folder / "logs",
                progress=lambda number, passed_s: bar.update(task, completed=before_s[number] + passed_s),
            )
        topics = {"camera": ", ".join(found.cameras), "command": found.commands, "state": found.state}
        names = {"checkpoint": model or "packaged", "profile": robot.name}
        summary: dict[str, Any] = {"bag": str(bag), "topics": topics, **names}
        summary |= summarise(result, found, robot, rate, limits)
        (folder / "replay.json").write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
        pictures = [folder / "commands.png"]
        draw_commands(result, robot, pictures[0])
        if script:
            pictures.append(folder / "faults.png")
            draw_faults(result, robot, pictures[1])
        show(console, summary)
        console.print(f"{folder / 'replay.json'}, {', '.join(map(str, pictures))}", soft_wrap=True)
        return summary

    earlier = compare is not None and not (compare / "card.json").exists()
    other = read_summary(compare) if compare is not None and earlier else None
    played = [play(out, checkpoint)]
    if compare is not None:
        if other is None:
            console.print(f"\nthe same with {compare}:", soft_wrap=True)
            other = play(out / "compared", str(compare))
            played.append(other)
        console.print()
        show_comparison(console, played[0], other)
    if any(summary["verdict"] == "fail" for summary in played):
        raise typer.Exit(1)


def _refuse_contradictions(
    goal_image: Path | None, goal_after: float | None, params: Path | None, stamps: StampsBy
) -> None:
    if stamps is StampsBy.log:
        raise typer.BadParameter(
            "the live nodes tell how old a picture is by its own stamp, so a replay cannot go by the time of "
            "recording, as inspect, train and evaluate can. Make the camera driver set header.stamp, and record again",
            param_hint="--stamps",
        )
    if goal_image is not None and goal_after is not None:
        raise typer.BadParameter("--goal-image and --goal-after are two goals", param_hint="--goal-after")
    if params is not None and not params.is_file():
        raise typer.BadParameter(printable(f"{params} is no file"), param_hint="--params")
