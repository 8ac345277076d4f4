"""Mean and spread of a figure over seeds."""

from __future__ import annotations

from collections.abc import Sequence

SeedStatistics = dict[str, object]


def seed_statistics(values: Sequence[float | None]) -> SeedStatistics | None:
    """`mean`, `low`, `high` and `by_seed`, rounded; None when a seed has no value."""
    if not values or any(value is None for value in values):
        return None
    known = [float(value) for value in values if value is not None]
    return {
        "mean": round(sum(known) / len(known), 4),
        "low": round(min(known), 4),
        "high": round(max(known), 4),
        "by_seed": [round(value, 4) for value in known],
    }
