"""Commanded positions of joints and grippers: within their ranges, with every limit of the velocity kept on the way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from wm_ros.robots.components import ActionComponent
from wm_ros.robots.profile import RobotProfile
from wm_ros.safety.commanded_target import CommandedTarget

# Of all components, in rad, m, or parts of a gripper's opening.
Joints = tuple[float, ...]


def joint_target(profile: RobotProfile) -> CommandedTarget[Joints]:
    """The commanded positions of a robot that is told positions; ValueError for others."""
    return CommandedTarget(profile, JointGeometry(profile))


class _Joint(NamedTuple):
    """Range, leash and the time in which a velocity ends at an end of the range."""

    name: str
    unit: str
    low: float
    high: float
    leash: float
    holds_things: bool
    approach_s: float


class JointGeometry:
    """Joints move each by its own velocity. A joint beyond its leash stops the robot, a gripper's target waits.

    Plain numbers, as in the limiter: this is computed at every tick.
    """

    what = "joint state"

    def __init__(self, profile: RobotProfile):
        if profile.kind != "position":
            raise ValueError(
                f"profile {profile.name} is not told positions: its commands are of the kind {profile.kind}"
            )
        # All components take as long to stop as the slowest of them.
        stop_s = max(max(-part.min, part.max) / part.max_acceleration for part in profile.action)
        period_s = 1.0 / profile.command.rate_hz
        self._joints = [_joint(part, stop_s, period_s) for part in profile.action]

    def advanced(self, place: Joints, velocity: Sequence[float], period_s: float) -> Joints:
        """The positions after a period of a velocity; none leaves its range, one that is beyond it can come back."""
        return tuple(
            min(max(position + rate * period_s, min(joint.low, position)), max(joint.high, position))
            for joint, position, rate in zip(self._joints, place, velocity, strict=True)
        )

    def following_error(self, target: Joints, measured: Joints) -> str | None:
        """The joint that is farther from its target than its leash. A gripper that holds a thing is not."""
        for joint, wanted, position in zip(self._joints, target, measured, strict=True):
            off = abs(wanted - position)
            if off > joint.leash and not joint.holds_things:
                return (
                    f"{joint.name} is {off:.2f} {joint.unit} from its target, target.leash of {joint.name} allows "
                    f"{joint.leash:g} {joint.unit}"
                )
        return None

    def bounded(self, velocity: Sequence[float], target: Joints, measured: Joints) -> Sequence[float]:
        """No faster towards an end of the range than can be stopped before it; a gripper's leash is such an end."""
        return [
            _bounded(joint, rate, wanted, position)
            for joint, rate, wanted, position in zip(self._joints, velocity, target, measured, strict=True)
        ]


def _joint(part: ActionComponent, stop_s: float, period_s: float) -> _Joint:
    target = part.required_target
    return _Joint(
        name=part.name,
        unit=part.unit.removesuffix("/s") if part.kind == "position" else "of its opening",
        low=target.low,
        high=target.high,
        leash=target.leash,
        holds_things=part.kind == "gripper",
        # A velocity that falls with the way that is left takes this time for it: more than a stop needs, and than
        # the limiter takes to begin one.
        approach_s=stop_s + part.max_acceleration / part.max_jerk + 2.0 * period_s,
    )


def _bounded(joint: _Joint, rate: float, target: float, measured: float) -> float:
    low, high = joint.low, joint.high
    if joint.holds_things:
        low, high = max(low, measured - joint.leash), min(high, measured + joint.leash)
    slowest = min(low - target, 0.0) / joint.approach_s
    fastest = max(high - target, 0.0) / joint.approach_s
    return min(max(rate, slowest), fastest)
