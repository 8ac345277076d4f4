"""How certain a figure is, in words: between what it lies, whether that decides anything, and what data would."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from wm_ros.evaluation.studies.statistics import LEAST_EPISODES, more_episodes

FINEST = 0.05  # half width that is asked for at the least

Figure = Mapping[str, Any]  # `mean`, `interval` and `episodes`, as the studies' statistics have them


def level_of(figure: Figure, good: float, care: float) -> str:
    """`good`, `care` or `bad`, by where the figure lies beside both limits; a better level only where it is certain.

    More is better if good is above care, else less. A good figure that might lie beyond `good` is one with care, and a
    bad one that might be better is not known.
    """
    sign = 1.0 if good > care else -1.0
    value = sign * figure["mean"]
    found = "good" if value >= sign * good else "care" if value >= sign * care else "bad"
    if found == "good" and _holds(figure, good):
        return "care"
    return "unknown" if found == "bad" and _holds(figure, care) else found


def interval_text(figure: Figure, write: Callable[[float], str], what: str = "episodes") -> str:
    """Between what the figure lies and over how many episodes, or that these are too few to tell."""
    count = figure["episodes"]
    if figure["interval"] is None:
        return f"over {count} {what}, too few to say what others would give (at least {LEAST_EPISODES})"
    low, high = figure["interval"]
    return f"between {write(low)} and {write(high)} over {count} {what}"


def what_is_open(figure: Figure, good: float, care: float, write: Callable[[float], str]) -> str:
    """Which limit the figure may lie on either side of, and how much data would tell; empty where that is settled."""
    within = [limit for limit in (good, care) if _holds(figure, limit)]
    if not within:
        return ""
    nearest = min(within, key=lambda limit: abs(figure["mean"] - limit))
    half_width = max(FINEST, abs(figure["mean"] - nearest))
    more = _roughly(more_episodes(figure, half_width))
    side = "above" if good > care else "below"
    return (
        f"whether it is {side} {write(nearest)} is open: about {more} more episodes would narrow it to "
        f"+-{write(half_width)}"
    )


def _holds(figure: Figure, limit: float) -> bool:
    interval = figure["interval"]
    return interval is not None and bool(interval[0] < limit < interval[1])


def _roughly(count: int) -> int:
    """The next number of two digits, of which the last is 0 or 5."""
    step = 5 * 10 ** max(0, math.floor(math.log10(max(count, 1))) - 1)
    return max(step, math.ceil(count / step) * step)
