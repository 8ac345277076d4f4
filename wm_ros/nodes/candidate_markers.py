"""The planner's candidates as lines for RViz: where each would bring the first three action components."""

from __future__ import annotations

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

BEST = ColorRGBA(r=0.1, g=0.9, b=0.2, a=1.0)
OTHER = ColorRGBA(r=0.5, g=0.5, b=0.9, a=0.3)


def candidate_markers(stamp: Time, candidates: np.ndarray, step_s: float, robot: str) -> MarkerArray:
    """Candidates [E, K, A] (rates, each held for `step_s`, best first) as E line strips of the way they go.

    The axes are the first three components' integrals (rad or m), in a frame named after the robot: without
    its kinematics that is all a plan says about space.
    """
    ways = np.zeros((candidates.shape[0], candidates.shape[1] + 1, 3))
    shown = min(3, candidates.shape[2])
    ways[:, 1:, :shown] = np.cumsum(candidates[:, :, :shown], axis=1) * step_s
    array = MarkerArray(markers=[Marker(action=Marker.DELETEALL)])
    for index, way in enumerate(ways):
        marker = Marker(ns="candidates", id=index, type=Marker.LINE_STRIP, action=Marker.ADD)
        marker.header.frame_id = f"{robot}_actions"
        marker.header.stamp = stamp
        marker.pose.orientation.w = 1.0
        marker.scale.x = 0.01
        marker.color = BEST if index == 0 else OTHER
        marker.points = [Point(x=x, y=y, z=z) for x, y, z in way.tolist()]
        array.markers.append(marker)
    return array
