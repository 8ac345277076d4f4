"""Bases in the plane: which components of an action drive one, and arithmetic of its poses.

A pose [..., 3] is x and y in m and yaw in rad; a motion [..., 3] is forward, left and turn in the base's own frame, as
a twist that is held for a while makes it: an arc, not a chord.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from wm_ros.robots.profile import RobotProfile

AXES = {"linear.x": 0, "linear.y": 1, "angular.z": 2}


def twist_components(profile: RobotProfile) -> dict[int, int]:
    """Which action component drives which of x, y and yaw; empty for a robot whose command is no Twist in the plane."""
    if not re.search(r"/Twist(Stamped)?$", profile.command.type):
        return {}
    found = {}
    for index, component in enumerate(profile.action):
        axis = AXES.get(component.field.removeprefix("twist."))
        if axis is None:
            return {}
        found[index] = axis
    return found


def moved(pose: np.ndarray, motion: np.ndarray) -> np.ndarray:
    """The pose [..., 3] that a motion [..., 3] leads to."""
    forward, left, turn = np.moveaxis(np.asarray(motion, dtype=np.float64), -1, 0)
    along, across = _arc(turn)
    way = np.stack([along * forward - across * left, across * forward + along * left], axis=-1)
    place = pose[..., :2] + rotated(way, pose[..., 2])
    return np.concatenate([place, (pose[..., 2] + turn)[..., None]], axis=-1)


def between(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The motion [..., 3] that leads from one pose [..., 3] to another, by the shorter turn."""
    turn = np.arctan2(np.sin(end[..., 2] - start[..., 2]), np.cos(end[..., 2] - start[..., 2]))
    x, y = np.moveaxis(rotated(end[..., :2] - start[..., :2], -start[..., 2]), -1, 0)
    along, across = _arc(turn)
    size = along**2 + across**2
    return np.stack([(along * x + across * y) / size, (along * y - across * x) / size, turn], axis=-1)


def path(motions: np.ndarray) -> np.ndarray:
    """Poses [T + 1, 3] along motions [T, 3], one after the other, from the origin on."""
    poses = [np.zeros(3)]
    for motion in motions:
        poses.append(moved(poses[-1], motion))
    return np.stack(poses)


def rotated(vector: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Vectors [..., 2], turned by angles [...]."""
    sine, cosine = np.sin(angle), np.cos(angle)
    x, y = vector[..., 0], vector[..., 1]
    return np.stack([cosine * x - sine * y, sine * x + cosine * y], axis=-1)


def _arc(turn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """sin(t) / t and (1 - cos(t)) / t, without dividing by zero."""
    return np.sinc(turn / np.pi), 0.5 * turn * np.sinc(0.5 * turn / np.pi) ** 2
