"""Recorded messages that tell actions: rates as they are, targets and measured states by what lies between two."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np

from wm_ros.data.collector import Collector
from wm_ros.data.rates import RatesBetween
from wm_ros.data.target_check import unlikely_positions
from wm_ros.messages.command import as_targets, read_command, read_counted
from wm_ros.messages.places import commanded_place, measured_place
from wm_ros.robots.consistency import POSE_TYPE
from wm_ros.robots.profile import RobotProfile


class ActionMessages:
    """Takes the messages of a profile's command or state topic, and hands a collector the actions in them."""

    def __init__(self, profile: RobotProfile, collector: Collector) -> None:
        self._profile, self._collector = profile, collector
        self._by_state = profile.actions_from == "states"
        is_pose = profile.required_state.type == POSE_TYPE if self._by_state else profile.kind == "pose"
        self._rates = RatesBetween(collector, is_pose)
        self._counted = array("d")  # targets of joints as messages count them

    def add(self, stamp_ns: int, message: Any) -> None:
        """A message at a stamp; CommandError where it does not hold what the profile says."""
        profile = self._profile
        if not profile.learns_from_places:
            self._collector.command(stamp_ns, read_command(message, profile), profile.command.timeout_s)
            return
        if self._by_state:
            place = measured_place(message, profile)
        elif profile.kind == "position":
            counted = read_counted(message, profile)
            self._counted.extend(counted)
            place = as_targets(counted, profile)
        else:
            place = commanded_place(message, profile)
        if place is not None:
            self._rates.add(stamp_ns, place)

    def restart(self) -> None:
        """What comes next has nothing to do with what came."""
        self._rates.restart()

    def check(self) -> None:
        """At the end: whether targets were the positions that the profile says."""
        values = np.array(self._counted).reshape(-1, len(self._profile.action))
        if len(values):
            units = [part.required_target.unit for part in self._profile.action]
            self._collector.refuse_commands(unlikely_positions(values, units, self._profile))
