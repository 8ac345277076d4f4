"""DROID as [LAM] (arXiv 2601.05230) has it: three steps ahead, how far the summed translation is off.

CEM with 300 samples, 15 iterations and 10 elites plans from a frame of a held-out trajectory to the one 3 steps later.
"""

from __future__ import annotations

import numpy as np

from wm_ros.bench.protocols.protocol import Protocol, ProtocolError, uniform_plans
from wm_ros.bench.protocols.starts import Starts
from wm_ros.planning.options import PlannerOptions
from wm_ros.robots.planar import twist_components
from wm_ros.robots.profile import RobotProfile

HORIZON = 3
AXES, UNIT = ("x", "y", "z"), "m/s"


def translation(profile: RobotProfile) -> list[int]:
    """Which components move the end effector: x, y and z in m/s, or those of them that there are."""
    return [index for index, part in enumerate(profile.action) if part.name in AXES and part.unit == UNIT]


def check(profile: RobotProfile) -> None:
    """Raise ProtocolError for a robot whose action does not translate an end effector."""
    if twist_components(profile):
        raise ProtocolError(
            f"profile {profile.name} is of a base, whose translations are in a frame that turns with it and do not "
            "add up: `wm_ros bench protocol recon` is for bases"
        )
    if not translation(profile):
        found = ", ".join(f"{part.name} ({part.unit})" for part in profile.action)
        raise ProtocolError(
            f"the DROID protocol sums translations of an end effector, and the action of profile {profile.name} has "
            f"no x, y, z in m/s; it has {found}. Give a profile and a model of the end effector: --profile droid "
            "reads measured poses (`model: {actions_from: states}`), franka_pose commanded ones, franka_twist and "
            "franka velocities"
        )


def errors(profile: RobotProfile, starts: Starts, plans: np.ndarray) -> dict[str, np.ndarray]:
    """Distance [C] in m between what plans [C, H, A] and the recorded actions translate by."""
    axes = translation(profile)
    off = (plans - starts.actions)[:, :, axes].sum(axis=1) * profile.model_dt
    return {"error_m": np.linalg.norm(off, axis=1)}


def controls(profile: RobotProfile, starts: Starts, seed: int) -> dict[str, np.ndarray]:
    """Plans [C, H, A] of no model."""
    return {
        "no motion": np.zeros_like(starts.actions),
        "random actions": uniform_plans(profile, starts, seed, held=False),
    }


DROID = Protocol(
    name="droid",
    horizon=HORIZON,
    planner=PlannerOptions(
        batch_size=300, iteration_count=15, elites=10, knots=HORIZON, steps_per_knot=1, proposals=False
    ),
    figures={
        "error_m": "distance between the summed translations of the planned and the recorded actions, m"
    },
    published={
        "[LAM] noise": {"error_m": 0.10},
        "[LAM] sparse": {"error_m": 0.13},
        "[LAM] discrete": {"error_m": 0.14},
        "[LAM] noise, robot data in pretraining": {"error_m": 0.06},
        "action-labelled": {"error_m": 0.05},
        "V-JEPA 2-AC": {"error_m": 0.15},
    },
    setting="held-out trajectories of DROID, a frozen V-JEPA 2 and a forward model of ViT-L size trained on videos in "
    "the wild",
    check=check,
    errors=errors,
    controls=controls,
    remarks=lambda starts: [],
)
