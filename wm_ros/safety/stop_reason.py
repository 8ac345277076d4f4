"""Why the robot has to stop."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StopReason:
    """A reason to stop: a fixed name, figures and fix in words, and whether only `~/start` ends it."""

    name: str
    text: str
    latches: bool = True

    def __str__(self) -> str:
        return f"{self.name}: {self.text}"
