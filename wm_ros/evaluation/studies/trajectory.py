"""Where a mobile base would have driven: twists summed to paths, and their ATE and RPE as evo computes them."""

from __future__ import annotations

import numpy as np

from wm_ros.robots.planar import path


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
    x, y, yaw = path(motions_of(rates, components, step_s)).T
    poses = np.tile(np.eye(4), (len(yaw), 1, 1))
    sine, cosine = np.sin(yaw), np.cos(yaw)
    poses[:, 0, :2], poses[:, 1, :2] = np.stack([cosine, -sine], axis=1), np.stack([sine, cosine], axis=1)
    poses[:, 0, 3], poses[:, 1, 3] = x, y
    return poses


def motions_of(rates: np.ndarray, components: dict[int, int], step_s: float) -> np.ndarray:
    """What rates [T, A] that are held for a step each move a base by [T, 3]: forward, left, turn."""
    motions = np.zeros((len(rates), 3))
    motions[:, list(components.values())] = step_s * rates[:, list(components)]
    return motions


def waypoint_errors(true: np.ndarray, planned: np.ndarray) -> tuple[float, float]:
    """ATE and RPE of the waypoints [T, 2] of a path, as the public evaluation of NWM computes them with evo.

    Root mean squares: of the distances, and of those of neighbouring waypoints' differences. Neither path is aligned
    with the other, and the headings do not count.
    """
    off = planned - true
    ate, rpe = (np.sqrt(np.square(some).sum(axis=1).mean()) for some in (off, np.diff(off, axis=0)))
    return float(ate), float(rpe)
