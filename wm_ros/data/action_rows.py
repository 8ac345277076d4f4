"""Actions out of the rows of LeRobot tables: rates as they are, targets and states by what lies between two rows."""

from __future__ import annotations

import numpy as np

from wm_ros.data.collector import Collector
from wm_ros.data.lerobot_poses import pose_of
from wm_ros.data.rates import GAP_S, RatesBetween
from wm_ros.data.target_check import unlikely_positions
from wm_ros.robots.profile import RobotProfile

GAP_ROWS = 5.0


class ActionRows:
    """Takes episodes of rows in the profile's order, counted as LeRobot does, and hands a collector their actions.

    fps: rows a second.
    """

    def __init__(self, profile: RobotProfile, collector: Collector, fps: float) -> None:
        self._profile, self._collector = profile, collector
        self._hold_s = max(profile.command.timeout_s, 1.0 / fps)
        self._rates = RatesBetween(
            collector, is_pose=profile.places_are_poses, gap_s=max(GAP_S, GAP_ROWS / fps)
        )
        self._counted: list[np.ndarray] = []

    def add(self, times_s: np.ndarray, rows: np.ndarray) -> None:
        """One episode: times [R] in s, numbers [R, A] as they are in the table."""
        self._rates.restart()
        for time_s, row in zip(times_s, rows, strict=True):
            if self._profile.places_are_poses:
                self._add_pose(round(time_s * 1e9), pose_of(row))
            elif not np.isfinite(row).all():
                self._collector.lose("actions that are not finite")
            elif self._profile.learns_from_places:
                self._rates.add(round(time_s * 1e9), self._place(row))
            else:
                self._collector.command(round(time_s * 1e9), row, self._hold_s)
        if self._has_targets and not self._profile.places_are_poses:
            self._counted.append(rows)

    def _add_pose(self, stamp_ns: int, pose: np.ndarray | None) -> None:
        if pose is None:
            self._collector.lose("poses that are not finite, or whose quaternion has not length 1")
        else:
            self._rates.add(stamp_ns, pose)

    def check(self) -> None:
        """At the end: whether the numbers were the positions that the profile says."""
        if self._counted:
            units = [part.required_target.in_lerobot for part in self._profile.action]
            rows = np.concatenate(self._counted)
            rows = rows[np.isfinite(rows).all(axis=1)]
            self._collector.refuse_commands(unlikely_positions(rows, units, self._profile))

    @property
    def _has_targets(self) -> bool:
        return self._profile.kind == "position"

    def _place(self, row: np.ndarray) -> np.ndarray:
        """Positions [A] in rad, m or parts of an opening; states of a robot of velocities are taken as they are."""
        if not self._has_targets:
            return row
        return np.array(
            [
                part.required_target.from_lerobot(value)
                for part, value in zip(self._profile.action, row, strict=True)
            ]
        )
