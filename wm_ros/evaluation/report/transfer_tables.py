"""The tables of carried actions in a report: rows of ready texts."""

from __future__ import annotations

from typing import Any

NONE = "-"
ROWS = {
    "recorded": "A, recorded",
    "imagined": "A, imagined",
    "carried": "B under A's latent actions",
    "another clip's": "control: B under another clip's",
    "no motion": "control: B, nothing moves",
}
WAYS = {
    "recorded": "what the probe reads of recorded clips",
    "commanded": "B under A's commands",
    "carried": "B under A's latent actions",
    "another clip's": "control: B under another clip's",
    "no motion": "control: B, nothing moves",
    "as in A": "B under A's latent actions, against A's own way",
}
APART = {
    "carried": "B under A's latent actions",
    "commanded": "B under A's commands",
    "another clip's": "control: B under another clip's",
}
READERS = {"own": "the model's own way back", "probe": "a probe of two states"}

Table = dict[str, Any]


def check_table(answer: dict[str, Any]) -> Table:
    """Ratios by check and by what is compared."""
    columns = list(answer["checks"]["cycle"])
    rows = [
        [name, *(_figure(found[column]) for column in columns)] for name, found in answer["checks"].items()
    ]
    return {"columns": ["error over that of A, imagined", *columns], "rows": rows}


def apart_table(answer: dict[str, Any]) -> Table:
    """How far B is from A, over how far it was at the start."""
    columns = list(answer["apart"]["carried, after the clip"])
    rows = []
    for name, found in answer["apart"].items():
        kind, when = name.split(", ")
        rows.append([f"{APART[kind]}, {when}", *(_figure(found.get(column)) for column in columns)])
    return {"columns": ["difference between B and A, over that at the start", *columns], "rows": rows}


def read_back_tables(answer: dict[str, Any]) -> list[Table]:
    """For each reader its R2, and its agreement in sign, by what is read."""
    found = answer["read_back"]
    tables = []
    for reader, name in READERS.items():
        if reader not in found:
            continue
        components = [part for part in found[reader]["carried"] if part != "total"]
        columns = [
            name,
            "R2",
            *(f"R2 {part}" for part in components),
            *(f"sign {part}" for part in components),
        ]
        rows = []
        for kind, text in ROWS.items():
            scores = found[reader][kind]
            r2 = [_figure(scores[part]["r2"]) for part in ("total", *components)]
            rows.append([text, *r2, *(_figure(scores[part]["sign"]) for part in components)])
        tables.append({"columns": columns, "rows": rows})
    return tables


def moved_tables(answer: dict[str, Any]) -> list[Table]:
    """R2 of the ways of each part; and what moves that ought not to, where anything could."""
    parts = answer["moved"].get("parts", {})
    if not parts:
        return []
    rows = [[text, *(_figure(found["r2"][kind]) for found in parts.values())] for kind, text in WAYS.items()]
    tables = [{"columns": ["way over the clip", *(f"R2 {name}" for name in parts)], "rows": rows}]
    astray = [
        [
            name,
            str(found["astray"]["clips"]),
            *(
                NONE if found["astray"][key] is None else f"{found['astray'][key]:.3f}"
                for key in ("in_a", "ought", "imagined", "commanded", "unmoved")
            ),
        ]
        for name, found in parts.items()
        if found["astray"]
    ]
    if astray:
        columns = [
            "mean way",
            "clips",
            "in A",
            "due in B",
            "B under A's latent actions",
            "B under A's commands",
        ]
        tables.append({"columns": [*columns, "the probe where it rests"], "rows": astray})
    return tables


def _figure(found: dict[str, Any] | None) -> str:
    """`mean (low .. high)` with the interval over episodes where that is known."""
    if found is None:
        return NONE
    mean, interval = found["mean"], found["interval"]
    text = f"{mean:.3g}" if abs(mean) >= 10.0 else f"{mean:.2f}"
    if interval is None:
        return text
    ends = " .. ".join(f"{end:.3g}" if abs(end) >= 10.0 else f"{end:.2f}" for end in interval)
    return f"{text} ({ends})"
