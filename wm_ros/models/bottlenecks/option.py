"""One number of a bottleneck that a user may set."""

from __future__ import annotations

from dataclasses import dataclass


class BottleneckError(ValueError):
    """A bottleneck that does not exist, or that cannot be as asked; the message says what can be."""


@dataclass(frozen=True)
class Option:
    """Its default, an integer for a count, the range it may come from, and what it is."""

    default: float
    low: float
    high: float
    meaning: str = ""

    def allows(self, value: object) -> bool:
        kinds = int if isinstance(self.default, int) else (int, float)
        return isinstance(value, kinds) and not isinstance(value, bool) and self.low <= value <= self.high
