"""The work of `wm_ros evaluate`, behind its arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from wm_ros.commands.evaluation_progress import EvaluationProgress
from wm_ros.commands.terminal import Terminal
from wm_ros.evaluation.config import EvaluationConfig, EvaluationError, read_encoders
from wm_ros.evaluation.distributed import ProcessGroup
from wm_ros.evaluation.evaluate import PROGRESS, finish, read_results, transfer_source
from wm_ros.evaluation.evaluate import evaluate as run_studies
from wm_ros.evaluation.files import read_json, write_json
from wm_ros.evaluation.report.compare import render_comparison
from wm_ros.evaluation.report.compose import FORMAT, compose
from wm_ros.evaluation.report.render import render
from wm_ros.evaluation.report.strips import strips
from wm_ros.evaluation.report.transfer_strips import transfer_strips
from wm_ros.models.card import read_card
from wm_ros.models.checkpoint import find_checkpoint
from wm_ros.robots.profile import load_profile


def run_evaluation(
    paths: list[Path],
    out: Path,
    *,
    checkpoint: str,
    profile: str | None,
    encoders: str,
    effort: float,
    jobs: int,
    cache_dir: Path | None,
    camera: str | None,
    command: str | None,
    stamps: str,
    transfer_from: Path | None,
) -> None:
    """Evaluate, write report.html and report.json, print the verdict; exits with 1 when no bag could be read."""
    folder = find_checkpoint(checkpoint, load_profile(profile or "arm"))
    card = read_card(folder)
    named, families = read_encoders(encoders)
    config = EvaluationConfig(
        bags=tuple(paths),
        profile=card.robot if profile is None else load_profile(profile),
        checkpoint=folder,
        encoders=tuple(dict.fromkeys(("checkpoint", *named))),
        families=families,
        effort=effort,
        side=card.encoder["size"] if card.encoder["name"] == "tiny" else 64,
        cache_dir=cache_dir,
        camera=camera,
        command=command,
        stamps=stamps,
        transfer_from=transfer_from,
    )
    group = ProcessGroup()
    with EvaluationProgress(quiet=not group.is_main) as listener:
        if group.world_size > 1:
            listener.say(
                f"{group.world_size} processes, and a share of the tasks for each: the bars show that of one"
            )
        run_studies(config, out, jobs, group, listener)
        readable = group.run_on_main(lambda: _write(config, out, listener))
    if not readable:
        raise typer.Exit(1)


def _write(config: EvaluationConfig, out: Path, listener: EvaluationProgress) -> bool:
    """Write the report and print its verdict; whether any bag could be read."""
    dataset, results = read_results(config, out)
    report = compose(config, dataset, results)
    pictures = carried = None
    if dataset.bags:
        fidelity, work = results["fidelity"]["checkpoint"], out / PROGRESS
        pictures = strips(dataset, config, fidelity, work)
        carried = transfer_strips(dataset, transfer_source(work, config), config, fidelity, work)
    (out / "report.html").write_text(render(report, pictures, carried), encoding="utf-8")
    write_json(out / "report.json", report)
    finish(out)
    _say(listener, report)
    listener.say(f"report: {out / 'report.html'}, and report.json")
    return bool(dataset.bags)


def run_comparison(first: Path, second: Path, out: Path) -> None:
    """Write compare.html and compare.json of two reports."""
    if not ProcessGroup().is_main:
        return
    one, other = _report(first), _report(second)
    out.mkdir(parents=True, exist_ok=True)
    page, rows = render_comparison(one, other, (first.name, second.name))
    (out / "compare.html").write_text(page, encoding="utf-8")
    write_json(out / "compare.json", rows)
    Terminal().print(f"comparison: {out / 'compare.html'}, and compare.json", soft_wrap=True)


def _report(folder: Path) -> dict[str, Any]:
    path = folder / "report.json" if folder.is_dir() else folder
    if not path.is_file():
        raise EvaluationError(
            f"no report at {path}: give folders that `wm_ros evaluate BAG --out FOLDER` wrote"
        )
    report = read_json(path)
    if report.get("format") != FORMAT:
        raise EvaluationError(
            f"{path} has format {report.get('format')!r}; this version reads format {FORMAT}"
        )
    return report


def _say(listener: EvaluationProgress, report: dict[str, Any]) -> None:
    listener.say(f"\n{report['verdict']['title']}")
    for found in report["verdict"]["findings"]:
        listener.say(f"  {found['level']:8} {found['title']}: {found['text']}")
    played = report["held_out"]["seconds"]
    took = ", ".join(f"{phase} {seconds:.0f} s" for phase, seconds in listener.seconds.items())
    listener.say(f"the bags play for {played:.0f} s; {took}")
