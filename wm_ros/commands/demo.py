"""`wm_ros demo`: a simulated robot drives itself to goal pictures, and what that looked like in figures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wm_ros.environment import require_ros


def demo(
    robot: Annotated[
        str, typer.Option(help="Simulated robot: arm, rover, pusher, so101_sim, pusht, or a YAML file.")
    ] = "arm",
    out: Annotated[Path, typer.Option(help="Folder for summary.json, demo.png, demo.gif and logs.")] = Path(
        "demo"
    ),
    goals: Annotated[int, typer.Option(min=1, max=1000, help="Goal pictures, each drawn at random.")] = 5,
    seed: Annotated[int, typer.Option(min=0, max=100_000_000, help="Scene and goals.")] = 0,
    limit: Annotated[
        float | None, typer.Option(min=1.0, help="Seconds a goal may take (default: as the task says).")
    ] = None,
    checkpoint: Annotated[str, typer.Option(help="Checkpoint folder; empty: the packaged one.")] = "",
    domain: Annotated[
        int | None,
        typer.Option(min=0, max=101, help="ROS_DOMAIN_ID to watch it on (default: one of its own)."),
    ] = None,
) -> None:
    """Watch a simulated robot, seen only through its camera topic, drive itself to goal pictures.

    Starts sim_node, pipeline_node and guard_node as processes of their own, gives them goal pictures, and
    measures what passes on the robot's topics; then the same goals with random actions. Nothing else on your
    ROS network sees it. 5 goals take about two minutes.
    """
    require_ros()
    import json

    from rich.live import Live

    from wm_ros.commands.demo_table import DemoTable
    from wm_ros.commands.terminal import Terminal
    from wm_ros.runs.demo import DemoOptions, run_demo
    from wm_ros.runs.demo_picture import draw_animation, draw_sheet

    out.mkdir(parents=True, exist_ok=True)
    console = Terminal()
    options = DemoOptions(robot, goals, seed, checkpoint, domain, limit)
    table = DemoTable(options.goals, options.criterion)
    try:
        with Live(table, console=console, refresh_per_second=5):
            result = run_demo(options, out / "logs", table.show)
    finally:
        if not console.is_terminal:
            console.print()  # rich ends the table's last line on terminals alone
    (out / "summary.json").write_text(json.dumps(result.summary, indent=1) + "\n", encoding="utf-8")
    with console.status("drawing pictures"):
        trials = result.by_model, result.at_random
        draw_sheet(options.task, *trials, result.frames, options.criterion, out / "demo.png")
        draw_animation(options.task, result.by_model, result.frames, options.scene_seed, out / "demo.gif")
    console.print(verdict(result.summary), soft_wrap=True)
    console.print(f"Pictures and figures: {out}/demo.gif, {out}/demo.png, {out}/summary.json", soft_wrap=True)


def verdict(summary: dict) -> str:
    """The figures that matter, in a few lines."""
    control, ages, action = (
        summary["random_control"],
        summary["camera_to_plan_ms"],
        summary["latent_action_r2"],
    )
    goals = len(summary["goals"])
    near = f"{100 * summary['success_radius_m']:.0f} cm"
    if "success_heading_deg" in summary:
        near += f" and {summary['success_heading_deg']:.0f} deg"
    stop, stopped_by = summary["stop_to_zero_s"], summary["stopped_by_guard"]
    stops = (
        (f"the guard ended {len(stopped_by)} of {goals} goals early: {stopped_by[0]}",) if stopped_by else ()
    )
    return "\n".join(
        (
            *stops,
            f"reached and held within {near}: {summary['success_rate']:.0%} of {goals} goals "
            f"(random actions {control['success_rate']:.0%})",
            f"median distance at the end: {_median(summary)} (random {_median(control)})",
            f"commands out of limits: {summary['commands_out_of_limits']} of {summary['commands']}",
            f"camera to plan: {ages['p50']:.0f} ms median, {ages['p95']:.0f} ms p95; "
            f"stop to zero: {'none seen' if stop is None else f'{stop:.2f} s'}; "
            f"latent actions decode with R2 {'unknown' if action is None else f'{action:.2f}'}",
        )
    )


def _median(figures: dict) -> str:
    turned = figures.get("median_final_heading_deg")
    distance = f"{100 * figures['median_final_distance_m']:.1f} cm"
    return distance if turned is None else f"{distance} {turned:.0f} deg"
