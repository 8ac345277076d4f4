"""Poses of an end effector in LeRobot sets: which feature has them, and how its numbers are one."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from transforms3d.euler import euler2quat

from wm_ros.data.lerobot_names import component_names, places_of

# As DROID writes them (extrinsic xyz Euler angles, rad), and as `wm_ros export` does (w first).
EULER = ("x", "y", "z", "roll", "pitch", "yaw")
QUATERNION = ("x", "y", "z", "qw", "qx", "qy", "qz")
CARTESIAN = "cartesian_position"  # DROID's own name, beneath `observation.state` and `action`
UNIT_TOLERANCE = 1e-2  # of a quaternion's length


class PoseFeature(NamedTuple):
    """A feature with poses: its name, and the places of its components there, as many as EULER or QUATERNION has."""

    name: str
    columns: list[int]


def find_poses(features: dict[str, Any], of: str) -> PoseFeature | None:
    """Where the poses of `of` (the action or the state) are: by the names of its components, or of DROID's feature.

    None where there are none: joint positions are no pose, and neither are rates, as `wm_ros export` writes them under
    the same names with their units beside.
    """
    for name in (of, f"{of}.{CARTESIAN}"):
        if name not in features or _are_rates(features[name]):
            continue
        names = component_names(features[name])
        for wanted in (EULER, QUATERNION):
            if (columns := places_of(wanted, names)) is not None:
                return PoseFeature(name, columns)
        if name.endswith(CARTESIAN) and not names and features[name]["shape"] == [len(EULER)]:
            return PoseFeature(name, list(range(len(EULER))))
    return None


def _are_rates(feature: dict[str, Any]) -> bool:
    info = feature.get("info")
    units = info.get("units") if isinstance(info, dict) else None
    return isinstance(units, list) and any(str(unit).endswith("/s") for unit in units)


def pose_of(row: np.ndarray) -> np.ndarray | None:
    """Position in m and unit quaternion, w first, [7], of a row [6] or [7]; None where it is none."""
    if not np.isfinite(row).all():
        return None
    if len(row) == len(EULER):
        return np.concatenate([row[:3], euler2quat(*row[3:], axes="sxyz")])
    length = float(np.linalg.norm(row[3:]))
    return None if abs(length - 1.0) > UNIT_TOLERANCE else np.concatenate([row[:3], row[3:] / length])
