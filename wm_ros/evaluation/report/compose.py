"""All that a report says, as JSON data: what was evaluated, what was held out, the answers and the verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wm_ros import __version__
from wm_ros.evaluation.evidence.parts import Evidence
from wm_ros.evaluation.evidence.request import Ask, weights_digest
from wm_ros.evaluation.plan_error import displacement_unit
from wm_ros.evaluation.report.verdict import verdict
from wm_ros.models.card import read_card

FORMAT = 1


def compose(ask: Ask, evidence: Evidence, answers: dict[str, Any]) -> dict[str, Any]:
    """The report as JSON data, without a date: the same evaluation gives the same report."""
    card = read_card(ask.checkpoint)
    probe, fidelity = (_short(answers[question]) for question in ("probe", "fidelity"))
    units = {
        name: displacement_unit(unit) for name, unit in zip(ask.profile.names, ask.profile.units, strict=True)
    }
    answers = {
        **answers,
        "moved_units": units,
        "probe": probe,
        "fidelity": fidelity,
        "plane": _plane(probe, fidelity),
    }
    if "families" in answers:
        answers["families"] = {
            name: [runs[seed] for seed in sorted(runs, key=int)] for name, runs in answers["families"].items()
        }
    content = {
        "format": FORMAT,
        "wm_ros": __version__,
        "checkpoint": {
            "name": ask.checkpoint.resolve().name,
            "weights": weights_digest(ask.checkpoint),
            "robot": card.robot.name,
            "trained_on": str(card.training.get("source", "")),
            "bottleneck": card.bottleneck,
        },
        "profile": {
            "name": ask.profile.name,
            "components": dict(zip(ask.profile.names, ask.profile.units, strict=True)),
            "model_rate_hz": ask.profile.model_rate_hz,
        },
        "effort": ask.effort,
        "bags": [part.about for part in evidence.parts],
        "unreadable": [part.about for part in evidence.failed],
        "held_out": _held_out(evidence),
        **answers,
    }
    return {**content, "verdict": verdict(content)}


def _held_out(evidence: Evidence) -> dict[str, Any]:
    parts = [part.about for part in evidence.parts]
    return {
        "bags": len(parts),
        "episodes": sum(len(about["episodes"]) for about in parts),
        "fitted": sum(len(about["fit"]) for about in parts),
        "scored": sum(len(about["held"]) for about in parts),
        "seconds": round(sum(about["seconds"] for about in parts), 3),
        "frames": sum(about["frames"] for about in parts),
    }


def _plane(probe: dict[str, Any], fidelity: dict[str, Any]) -> list[dict[str, Any]]:
    """PSNR and R2 of every encoder that has both; `front`: no other is better in one and as good in the other."""
    points = []
    for name in probe:
        total = probe[name].get("layers", {}).get("output", {}).get("total")
        if total is not None and "psnr" in fidelity.get(name, {}):
            points.append({"encoder": name, "psnr": fidelity[name]["psnr"], "r2": total["mean"]})
    for point in points:
        point["front"] = not any(
            other["psnr"] >= point["psnr"] and other["r2"] >= point["r2"] and other is not point
            for other in points
        )
    return points


def _short(answers: dict[str, Any]) -> dict[str, Any]:
    """Answers by encoder; folders by their last name, where no other has the same."""
    last = {name: Path(name).name for name in answers}
    short = {name: last[name] if list(last.values()).count(last[name]) == 1 else name for name in answers}
    return {short[name]: answer for name, answer in answers.items()}
