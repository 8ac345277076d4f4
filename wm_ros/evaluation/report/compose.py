"""All that a report says, as JSON data: what was evaluated, what was held out, the answers and the verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wm_ros import __version__
from wm_ros.evaluation.config import EvaluationConfig, weights_digest
from wm_ros.evaluation.dataset.dataset import EvaluationDataset
from wm_ros.evaluation.plan_error import displacement_unit
from wm_ros.evaluation.report.verdict import verdict
from wm_ros.evaluation.studies.probe import probe_kind
from wm_ros.models.card import read_card

FORMAT = 1


def compose(config: EvaluationConfig, dataset: EvaluationDataset, results: dict[str, Any]) -> dict[str, Any]:
    """The report as JSON data, without a date: the same evaluation gives the same report."""
    card = read_card(config.checkpoint)
    probe, fidelity = (_short(results[study]) for study in ("probe", "fidelity"))
    units = {
        name: displacement_unit(unit)
        for name, unit in zip(config.profile.names, config.profile.units, strict=True)
    }
    results = {
        **results,
        "moved_units": units,
        "probe": probe,
        "fidelity": fidelity,
        "plane": _plane(probe, fidelity),
    }
    if "families" in results:
        results["families"] = {
            name: [runs[seed] for seed in sorted(runs, key=int)] for name, runs in results["families"].items()
        }
    content = {
        "format": FORMAT,
        "wm_ros": __version__,
        "checkpoint": {
            "name": config.checkpoint.resolve().name,
            "weights": weights_digest(config.checkpoint),
            "robot": card.robot.name,
            "trained_on": str(card.training.get("source", "")),
            "bottleneck": card.bottleneck,
        },
        "profile": {
            "name": config.profile.name,
            "components": dict(zip(config.profile.names, config.profile.units, strict=True)),
            "model_rate_hz": config.profile.model_rate_hz,
        },
        "effort": config.effort,
        "bags": [bag.info for bag in dataset.bags],
        "unreadable": [bag.info for bag in dataset.unreadable],
        "held_out": _held_out(dataset),
        "probes": probe_kind(dataset),
        **results,
    }
    return {**content, "verdict": verdict(content)}


def _held_out(dataset: EvaluationDataset) -> dict[str, Any]:
    bags = [bag.info for bag in dataset.bags]
    return {
        "bags": len(bags),
        "episodes": sum(len(about["episodes"]) for about in bags),
        "fitted": sum(len(about["fit"]) for about in bags),
        "scored": sum(len(about["held"]) for about in bags),
        "seconds": round(sum(about["seconds"] for about in bags), 3),
        "frames": sum(about["frames"] for about in bags),
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


def _short(results: dict[str, Any]) -> dict[str, Any]:
    """Answers by encoder; folders by their last name, where no other has the same."""
    last = {name: Path(name).name for name in results}
    short = {name: last[name] if list(last.values()).count(last[name]) == 1 else name for name in results}
    return {short[name]: answer for name, answer in results.items()}
