"""Where a mobile base would have driven: twists summed to paths, and their ATE and RPE as evo computes them."""

from __future__ import annotations

import re

import numpy as np

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


def path_errors(
    recorded: np.ndarray, planned: np.ndarray, components: dict[int, int], step_s: float
) -> dict[str, float]:
    """Mean over clips of ATE and RPE, in metres, of planned against recorded rates [C, T, A]; RPE by model step."""
    from evo.core.metrics import APE, RPE, PoseRelation, StatisticsType, Unit
    from evo.core.trajectory import PosePath3D

    totals: dict[str, list[float]] = {"ate": [], "rpe": []}
    for pair in zip(recorded, planned, strict=True):
        true, ours = (PosePath3D(poses_se3=list(_poses(rates, components, step_s))) for rates in pair)
        absolute = APE(PoseRelation.translation_part)
        relative = RPE(PoseRelation.translation_part, delta=1, delta_unit=Unit.frames, all_pairs=True)
        for name, metric in (("ate", absolute), ("rpe", relative)):
            metric.process_data((true, ours))
            totals[name].append(metric.get_statistic(StatisticsType.rmse))
    return {name: float(np.mean(values)) for name, values in totals.items()}


def _poses(rates: np.ndarray, components: dict[int, int], step_s: float) -> np.ndarray:
    """Poses [T + 1, 4, 4] of a base that holds each twist for a step, exactly: arcs, not chords."""
    pose, poses = np.eye(4), [np.eye(4)]
    for rate in rates:
        velocity = np.zeros(3)
        for index, axis in components.items():
            velocity[axis] = rate[index]
        pose = pose @ _step(velocity * step_s)
        poses.append(pose)
    return np.stack(poses)


def _step(moved: np.ndarray) -> np.ndarray:
    x, y, turn = moved
    sine, cosine = np.sin(turn), np.cos(turn)
    straight = abs(turn) < 1e-9
    a, b = (1.0, 0.0) if straight else (sine / turn, (1.0 - cosine) / turn)
    pose = np.eye(4)
    pose[:2, :2] = [[cosine, -sine], [sine, cosine]]
    pose[:2, 3] = [a * x - b * y, b * x + a * y]
    return pose
