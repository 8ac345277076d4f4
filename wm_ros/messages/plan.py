"""Plans: action rates over time, stamped with the oldest observation behind them, as a JointTrajectory."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from wm_ros.messages.sequence import store
from wm_ros.messages.stamp import fill_stamp, to_ns
from wm_ros.robots.profile import RobotProfile


class PlanError(ValueError):
    """A plan that must not move a robot; the message names what is wrong with it."""


@dataclass(frozen=True, eq=False)
class Plan:
    """Action rates, each held until the next: rates[i] from stamp + times_s[i] to stamp + times_s[i + 1].

    stamp_ns: stamp of the oldest observation behind the plan, in ROS time. names: A action components.
    rates: [T, A] in the profile's SI units. times_s: [T] seconds after the stamp, increasing. The last point
    ends the plan: its rates are zero. PlanError when this does not hold.
    """

    stamp_ns: int
    names: tuple[str, ...]
    rates: np.ndarray
    times_s: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(self.names))
        object.__setattr__(self, "rates", _frozen(self.rates))
        object.__setattr__(self, "times_s", _frozen(self.times_s))
        _check(self)

    @cached_property
    def times_ns(self) -> np.ndarray:
        """Absolute times [T] of the points, int64 nanoseconds."""
        return self.stamp_ns + np.rint(self.times_s * 1e9).astype(np.int64)

    @property
    def end_ns(self) -> int:
        """ROS time from which the plan says nothing any more."""
        return int(self.times_ns[-1])

    def behind(self, stamp_ns: int) -> Plan:
        """The same rates at the same times, with an older observation behind them too."""
        earlier_s = (self.stamp_ns - stamp_ns) * 1e-9
        return Plan(stamp_ns, self.names, self.rates, self.times_s + earlier_s)

    def rate_at(self, ns: int) -> tuple[float, ...] | None:
        """Rates [A] wanted at a ROS time; the first before the start, None from the end on."""
        times_ns, rates = self._lists
        index = bisect_right(times_ns, ns) - 1
        return None if index >= len(rates) - 1 else rates[max(index, 0)]

    @cached_property
    def _lists(self) -> tuple[list[int], list[tuple[float, ...]]]:
        """Times and rates for one look-up, which the guard makes at every tick: several times faster than arrays."""
        return self.times_ns.tolist(), list(map(tuple, self.rates.tolist()))


def fill_plan(msg: Any, plan: Plan, point_factory: Callable[[], Any]) -> Any:
    """Write a plan into a JointTrajectory (velocities and time_from_start) and return it."""
    fill_stamp(msg.header.stamp, plan.stamp_ns)
    msg.joint_names = list(plan.names)
    points = []
    for rates, time_s in zip(plan.rates, plan.times_s, strict=True):
        point = point_factory()
        store(point, "velocities", rates)
        fill_stamp(point.time_from_start, round(time_s * 1e9))
        points.append(point)
    msg.points = points
    return msg


def decode_plan(msg: Any, profile: RobotProfile) -> Plan:
    """Read a JointTrajectory, with components in the profile's order; PlanError when anything is wrong."""
    names = [str(name) for name in msg.joint_names]
    if sorted(names) != sorted(profile.names):
        raise PlanError(f"plan moves {names}, but profile {profile.name} has {list(profile.names)}")
    for index, point in enumerate(msg.points):
        if len(point.velocities) != len(names):
            raise PlanError(f"point {index} has {len(point.velocities)} velocities, expected {len(names)}")
    order = [names.index(name) for name in profile.names]
    rates = np.array([point.velocities for point in msg.points], dtype=np.float64).reshape(-1, len(names))
    times_s = np.array([to_ns(point.time_from_start) * 1e-9 for point in msg.points])
    return Plan(to_ns(msg.header.stamp), profile.names, rates[:, order], times_s)


def _frozen(values: Any) -> np.ndarray:
    array = np.array(values, dtype=np.float64)
    array.setflags(write=False)
    return array


def _check(plan: Plan) -> None:
    rates, times_s = plan.rates, plan.times_s
    if rates.ndim != 2 or times_s.shape != rates.shape[:1] or rates.shape[1] != len(plan.names):
        raise PlanError(
            f"plan of {len(plan.names)} names has rates {list(rates.shape)} and times {list(times_s.shape)}: "
            "expected [T, A] and [T]"
        )
    if len(rates) < 2:
        raise PlanError(f"plan has {len(rates)} points, needs at least a rate and the zero rates that end it")
    if not np.isfinite(rates).all() or not np.isfinite(times_s).all():
        raise PlanError("plan has NaN or infinite rates or times")
    if times_s[0] < 0.0 or not (np.diff(times_s) > 0.0).all():
        raise PlanError(f"times must start at 0 or later and increase, got {times_s.tolist()}")
    if rates[-1].any():
        raise PlanError(f"the last point must have zero rates, got {rates[-1].tolist()}: a plan ends at rest")
