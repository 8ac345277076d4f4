"""Two reports side by side: every figure that both have, and which is better."""

from __future__ import annotations

from typing import Any

from wm_ros.evaluation.report.render import environment

# Figures by name: where they are in the report, and whether more is better.
SCALARS = {
    "PSNR, dB": (("fidelity", "checkpoint", "psnr"), True),
    "one-step error / no change": (("dynamics", "checks", "one_step"), False),
    "action gap, shuffled": (("dynamics", "checks", "action_gap_shuffled"), True),
    "action gap, zero": (("dynamics", "checks", "action_gap_zero"), True),
    "controller gap": (("dynamics", "checks", "controller_gap"), False),
    "cycle over a clip, latents": (("transfer", "checks", "cycle", "latent", "mean"), False),
    "difference between scenes left by latent actions": (
        ("transfer", "apart", "carried, after the clip", "latent", "mean"),
        True,
    ),
    "R2 of the command, read back in another scene": (
        ("transfer", "read_back", "own", "carried", "total", "r2", "mean"),
        True,
    ),
    "plans closer to the operator than no motion": (("operator", "closer_than_zero"), True),
    "R2 after inverse-dynamics supervision": (("supervision", "after", "total", "mean"), True),
}

Row = dict[str, Any]


def render_comparison(
    first: dict[str, Any], second: dict[str, Any], names: tuple[str, str]
) -> tuple[str, dict[str, Any]]:
    """The page, and its rows as JSON data."""
    rows = comparison(first, second)
    warnings = _warnings(first, second)
    page = (
        environment()
        .get_template("compare.html")
        .render(
            reports=(first, second),
            names=_distinct_names(names),
            rows=rows,
            warnings=warnings,
            findings=_findings(first, second),
        )
    )
    return page, {"reports": list(names), "warnings": warnings, "rows": rows}


def comparison(first: dict[str, Any], second: dict[str, Any]) -> list[Row]:
    """Rows of `figure`, two `values` (None where a report has it not) and `better`, 0, 1 or None."""
    rows: list[Row] = []
    for encoder in dict.fromkeys((*first["probe"], *second["probe"])):
        probed = ("probe", encoder, "layers", "output", "total")
        rows.append(_seeded(f"R2 of the action probe, {encoder}", _at(first, probed), _at(second, probed)))
    for name, (path, more) in SCALARS.items():
        rows.append(_row(name, _at(first, path), _at(second, path), more))
    rows.append(_row("last open-loop error / no change", _last(first), _last(second), False))
    for unit in dict.fromkeys((*_plans(first), *_plans(second))):
        rows.append(_row(f"plan error, {unit}", _plans(first).get(unit), _plans(second).get(unit), False))
    for kind in _ladder(first) | _ladder(second):
        values = (_middle(first, kind), _middle(second, kind))
        rows.append(_seeded(f"R2 under {kind}, middle severity", *values))
    for family in dict.fromkeys((*first.get("families", {}), *second.get("families", {}))):
        rows.append(_row(f"R2 of family {family}", _family(first, family), _family(second, family), True))
    return [row for row in rows if row["values"] != [None, None]]


def _findings(first: dict[str, Any], second: dict[str, Any]) -> list[tuple[str, list[dict[str, str] | None]]]:
    """Title and what each report found, None where it found nothing of the kind."""
    found = [{entry["title"]: entry for entry in report["verdict"]["findings"]} for report in (first, second)]
    return [(title, [entries.get(title) for entries in found]) for title in {**found[0], **found[1]}]


def _row(figure: str, one: float | None, other: float | None, more: bool) -> Row:
    better = None
    if one is not None and other is not None and one != other:
        better = int((other > one) == more)
    return {"figure": figure, "values": [one, other], "better": better}


def _seeded(figure: str, one: dict[str, Any] | None, other: dict[str, Any] | None) -> Row:
    """A row of means of which one is better only where seeds, or intervals over episodes, do not overlap."""
    first, second = (None if score is None else score["mean"] for score in (one, other))
    row = _row(figure, first, second, True)
    ends = [(score["low"], score["high"]) for score in (one, other) if score is not None]
    known = [(low, high) for low, high in ends if low is not None]
    if len(known) < 2 or (known[0][0] <= known[1][1] and known[1][0] <= known[0][1]):
        row["better"] = None
    return row


def _warnings(first: dict[str, Any], second: dict[str, Any]) -> list[str]:
    found = []
    bags = [[(about["name"], about["frames"]) for about in report["bags"]] for report in (first, second)]
    if bags[0] != bags[1]:
        found.append("The reports are of different recordings: a difference may be theirs.")
    if first["effort"] != second["effort"]:
        found.append("The reports were made with different effort.")
    if first["profile"] != second["profile"]:
        found.append("The reports are of different robots: R2 and plan errors do not compare.")
    kinds = [report.get("probes", {}).get("kind", "MLP") for report in (first, second)]
    if kinds[0] != kinds[1]:
        found.append(f"The probes are of different kinds ({kinds[0]}, {kinds[1]}): their R2 do not compare.")
    return found


def _at(report: dict[str, Any], path: tuple[str, ...]) -> Any:
    place: Any = report
    for key in path:
        if not isinstance(place, dict) or key not in place:
            return None
        place = place[key]
    return place


def _last(report: dict[str, Any]) -> float | None:
    loop = report["dynamics"].get("open_loop")
    if not loop or not loop["copy last"][-1]:
        return None
    return round(loop.get("commands", loop["latent actions"])[-1] / loop["copy last"][-1], 4)


def _plans(report: dict[str, Any]) -> dict[str, float]:
    return _at(report, ("operator", "by_unit", "planned")) or {}


def _ladder(report: dict[str, Any]) -> dict[str, None]:
    steps = _at(report, ("probe", "checkpoint", "ladder")) or {}
    return dict.fromkeys(kind for kind in steps if kind != "none")


def _middle(report: dict[str, Any], kind: str) -> dict[str, Any] | None:
    steps = _at(report, ("probe", "checkpoint", "ladder", kind))
    return steps[1]["r2"] if steps else None


def _family(report: dict[str, Any], name: str) -> float | None:
    known = [run["r2"]["mean"] for run in report.get("families", {}).get(name, []) if run.get("r2")]
    return round(sum(known) / len(known), 4) if known else None


def _distinct_names(names: tuple[str, str]) -> tuple[str, str]:
    return names if names[0] != names[1] else (f"{names[0]} (first)", f"{names[1]} (second)")
