"""R2 of action components, and of those that belong together: translation, rotation, gripper."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wm_ros.robots.profile import RobotProfile

GROUPS = ("translation", "rotation", "gripper")


def groups_of(profile: RobotProfile) -> dict[str, list[int]]:
    """The components [A] of each group where the profile tells at least two groups apart, else none.

    By name for a gripper or finger, else by unit: metres translate, radians and degrees rotate. The joints of an arm
    are all radians, and a group that is everything says nothing.
    """
    found: dict[str, list[int]] = {}
    for index, component in enumerate(profile.action):
        unit = component.unit.removesuffix("/s")
        if any(word in component.name.lower() for word in ("gripper", "finger")):
            found.setdefault("gripper", []).append(index)
        elif unit in ("m", "mm"):
            found.setdefault("translation", []).append(index)
        elif unit in ("rad", "deg"):
            found.setdefault("rotation", []).append(index)
    return {name: found[name] for name in GROUPS if name in found} if len(found) > 1 else {}


def component_r2(true: np.ndarray, predicted: np.ndarray) -> list[float | None]:
    """R2 of each component of [S, A]; None for one that does not vary."""
    total = np.square(true - true.mean(axis=0)).sum(axis=0)
    left = np.square(true - predicted).sum(axis=0)
    return [float(1.0 - rest / whole) if whole > 0 else None for rest, whole in zip(left, total, strict=True)]


def mean_r2(scores: Sequence[float | None]) -> float | None:
    """The mean of those that are known."""
    known = [score for score in scores if score is not None]
    return sum(known) / len(known) if known else None
