"""What a model is compared with: standing still, random motion, and the recorded actions that led to the goal."""

from __future__ import annotations

import numpy as np

from wm_ros.messages.plan import Plan
from wm_ros.robots.profile import RobotProfile
from wm_ros.tasks.goals_ahead import PERIOD_S
from wm_ros.tasks.lockstep import LockstepOptions, MakePolicy, Policy, random_policy, start_and_goal
from wm_ros.tasks.simulated import simulated, task_of


def controls(profile: RobotProfile, seed: int, options: LockstepOptions) -> dict[str, MakePolicy]:
    """The controls of a task by their names; recorded actions only where goals are ends of recorded motion."""
    found = {
        "stands still": still_policy(profile, options),
        "random actions": random_policy(profile, options.camera_hz),
    }
    if task_of(profile, simulated(profile)).way is not None:
        found["recorded actions"] = recorded_policy(profile, seed, options)
    return found


def still_policy(profile: RobotProfile, options: LockstepOptions) -> MakePolicy:
    """A policy that does nothing: what is reached so was no task."""

    def make_policy(number: int, goal_picture: np.ndarray) -> Policy:
        return lambda stamp_ns, frame: _still(stamp_ns, profile, options)

    return make_policy


def recorded_policy(profile: RobotProfile, seed: int, options: LockstepOptions) -> MakePolicy:
    """A policy that repeats, blindly, the motion which led to the goal of each trial of this seed: what a way that is
    known to exist is worth."""
    task = task_of(profile, simulated(profile))
    if task.way is None:
        raise ValueError(f"goals of {profile.name!r} are no ends of recorded motion")
    way = task.way

    def make_policy(number: int, goal_picture: np.ndarray) -> Policy:
        start_and_goal(task, np.random.default_rng([seed, number]))
        rates = way().clip(profile.low, profile.high)
        # The first plan takes effect a latency after its frame: there the motion begins.
        times_s = options.latency_s + PERIOD_S * np.arange(len(rates) + 1)
        begun: list[int] = []

        def policy(stamp_ns: int, frame: np.ndarray) -> Plan:
            if not begun:
                begun.append(stamp_ns)
            left_s = times_s - (stamp_ns - begun[0]) * 1e-9
            to_come = left_s[1:] > 1e-9
            if not to_come.any():
                return _still(stamp_ns, profile, options)
            motion = np.vstack([rates[to_come], np.zeros(len(profile.action))])
            return Plan(
                stamp_ns, profile.names, motion, np.append(left_s[:-1][to_come].clip(min=0.0), left_s[-1])
            )

        return policy

    return make_policy


def _still(stamp_ns: int, profile: RobotProfile, options: LockstepOptions) -> Plan:
    return Plan(stamp_ns, profile.names, np.zeros((2, len(profile.action))), np.arange(2) / options.camera_hz)
