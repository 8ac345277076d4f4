"""`wm_ros bench faults|guard|soak`: what the live stack keeps of its promises, in real processes over DDS."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer

from wm_ros.commands.bench_output import Json, print_figures, show_figures, write_figures

Domain = Annotated[
    int | None, typer.Option(min=1, max=100, help="First ROS_DOMAIN_ID to use; by default one of its own.")
]

# What is printed; the file has all.
FAULT_COLUMNS = (
    "rounds",
    "worst_s_to_zero",
    "in_time",
    "out_of_limits",
    "last_is_zero",
    "moved_without_start",
)


class FaultRobot(str, Enum):
    """Profiles of the robots in fault rounds."""

    arm = "arm"
    arm_position = "arm_position"


def faults(
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of each fault.")] = 5,
    only: Annotated[
        str, typer.Option(help="Only faults with this in their name: camera, guard, clock ...")
    ] = "",
    jobs: Annotated[int, typer.Option(min=1, help="Sets of processes side by side.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Of the moments at which faults come.")] = 0,
    robot: Annotated[
        FaultRobot, typer.Option(help="Robot that is told velocities, or joint positions (more faults).")
    ] = FaultRobot.arm,
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

    from wm_ros.robots.profile import load_profile
    from wm_ros.runs.faults.campaign import Round, limit_s, run_rounds, table
    from wm_ros.runs.faults.catalogue import faults_of

    profile = load_profile(robot.value)
    known = faults_of(profile)
    names = [name for name in known if only in name]
    if not names:
        raise typer.BadParameter(f"{only!r} is in none of: {', '.join(known)}", param_hint="--only")
    limit = limit_s(profile)
    found: list[Round] = []

    def save() -> dict[str, dict[str, object]]:
        rows = table(found, limit)
        write_figures(
            {"robot": robot.value, "limit_s": round(limit, 3), "seed": seed, "faults": rows}, json_file
        )
        return rows

    def done(one: Round) -> None:
        found.append(one)
        progress.advance(task)
        if sum(other.fault == one.fault for other in found) == rounds:
            row = save()[one.fault]
            kept = "kept" if row["kept"] else "BROKEN"
            progress.console.print(
                f"{one.fault}: {kept}, {rounds} rounds, zero after {row['worst_s_to_zero']} s at most"
            )

    with Progress() as progress:
        task = progress.add_task("rounds", total=rounds * len(names))
        run_rounds(names, rounds, jobs, seed, domain, done, robot.value)
    rows = save()
    print_figures({name: {column: row[column] for column in FAULT_COLUMNS} for name, row in rows.items()})
    for name, row in rows.items():
        if row["breach"]:
            typer.echo(f"{name}: {row['breach']}")
    broken = [name for name, row in rows.items() if not row["kept"]]
    typer.echo(
        f"limit {limit:.2f} s to zero; "
        + (f"broken: {', '.join(broken)}" if broken else "every promise kept")
    )
    if broken:
        raise typer.Exit(1)


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

    from wm_ros.runs.guard_cost import measure
    from wm_ros.runs.ros_domain import own_domain

    busy = (os.cpu_count() or 1) - 1 if busy_cores is None else busy_cores
    with Progress() as progress, own_domain(domain):
        task = progress.add_task("guard", total=1.0)
        figures = measure(seconds, busy, lambda share: progress.update(task, completed=share))
    show_figures(figures, json_file)


def soak(
    minutes: Annotated[float, typer.Option(min=0.2, help="Minutes to drive.")] = 20.0,
    domain: Domain = None,
    json_file: Json = None,
) -> None:
    """Drive under a 640x480 stream at 20 Hz: memory, files, latency, lost frames, and how old pictures get.

    Exit code 1 when a command followed a picture older than the limit, broke a limit, or a process opens files.
    """
    from rich.progress import Progress

    from wm_ros.runs import soak as drive
    from wm_ros.runs.ros_domain import own_domain

    with Progress() as progress, own_domain(domain):
        task = progress.add_task("pipeline", total=1.0)
        figures = drive.soak(
            60.0 * minutes,
            lambda share, text: progress.update(task, completed=share, description=f"pipeline {text}"),
        )
    show_figures({name: {"soak": figure} for name, figure in figures.items()}, None)
    write_figures(figures, json_file)
    broken = drive.violations(figures)
    if broken:
        typer.echo(f"broken: {'; '.join(broken)}")
        raise typer.Exit(1)
