"""RECON as [LAM] (arXiv 2601.05230) has it after NWM (arXiv 2412.03572): eight steps ahead, how far the path is off.

120 candidates in one iteration, each one command that is held; the plan is the mean of the best 5, as in NWM's
`planning_eval.py` (--num_samples 120 --topk 5 --opt_steps 1; 8 steps by `eval_config.yaml`). ATE and RPE are those of
the 8 waypoints without their headings and without aligning them.

The published figures are printed without a unit. In NWM's public code waypoints are divided by the data set's
`metric_waypoint_spacing`, .25 m for RECON, before ATE and RPE are taken. So they count in waypoints of .25 m; in metres
an RPE of .35 would be more than the base moves in a step.
"""

from __future__ import annotations

import numpy as np

from wm_ros.bench.protocols.protocol import Protocol, ProtocolError, uniform_plans
from wm_ros.bench.protocols.starts import Starts
from wm_ros.evaluation.studies.trajectory import motions_of, waypoint_errors
from wm_ros.planning.options import PlannerOptions
from wm_ros.robots.planar import path, rotated, twist_components
from wm_ros.robots.profile import RobotProfile

HORIZON = 8
SPACING_M = 0.25


def check(profile: RobotProfile) -> None:
    """Raise ProtocolError for a robot that is no base."""
    if not twist_components(profile):
        found = ", ".join(f"{part.name} ({part.unit})" for part in profile.action)
        raise ProtocolError(
            f"the RECON protocol is for bases: the command of profile {profile.name} must be a Twist or TwistStamped "
            f"of linear.x, linear.y and angular.z alone, and it is {profile.command.type} of {found}. Give a profile "
            "and a model of a base, such as --profile recon"
        )


def waypoints(profile: RobotProfile, rates: np.ndarray) -> np.ndarray:
    """Places [H, 2] after each step of rates [H, A], from the origin, ahead along x."""
    return path(motions_of(rates, twist_components(profile), profile.model_dt))[1:, :2]


def recorded_waypoints(profile: RobotProfile, starts: Starts) -> np.ndarray:
    """Places [C, H, 2] where the base really was, as seen from each start; of the commands where it is not known."""
    found = np.stack([waypoints(profile, rates) for rates in starts.actions])
    if starts.places is not None:
        here = starts.places[:, :1]
        seen = rotated(starts.places[:, 1:, :2] - here[..., :2], -here[..., 2])
        found[starts.placed] = seen[starts.placed]
    return found


def errors(profile: RobotProfile, starts: Starts, plans: np.ndarray) -> dict[str, np.ndarray]:
    """ATE and RPE [C] of the paths of plans [C, H, A], in m and in waypoints of .25 m."""
    true = recorded_waypoints(profile, starts)
    pairs = [waypoint_errors(way, waypoints(profile, plan)) for way, plan in zip(true, plans, strict=True)]
    ate, rpe = np.array(pairs).reshape(len(true), 2).T
    return {
        "ate_m": ate,
        "rpe_m": rpe,
        "ate_waypoints": ate / SPACING_M,
        "rpe_waypoints": rpe / SPACING_M,
    }


def controls(profile: RobotProfile, starts: Starts, seed: int) -> dict[str, np.ndarray]:
    """Plans [C, H, A] of no model; the last is about as good as a held command can be."""
    mean = starts.actions.mean(axis=1, keepdims=True).clip(profile.low, profile.high)
    return {
        "no motion": np.zeros_like(starts.actions),
        "random actions": uniform_plans(profile, starts, seed, held=True),
        "recorded mean, held": np.broadcast_to(mean, starts.actions.shape),
    }


def remarks(starts: Starts) -> list[str]:
    """What else a reader must know."""
    placed = int(starts.placed.sum())
    truth = "recorded commands" if not placed else "recorded poses"
    if 0 < placed < len(starts):
        truth = f"recorded poses in {placed} of {len(starts)}, and of the recorded commands where poses are not known"
    return [
        f"True paths are those of the {truth}; a held command is a line, and an arc where it turns. The published "
        "figures are taken as waypoints of .25 m, as NWM's public code counts them, and times .25 as metres."
    ]


def _published(ate: float, rpe: float) -> dict[str, float]:
    return {
        "ate_m": round(ate * SPACING_M, 4),
        "rpe_m": round(rpe * SPACING_M, 4),
        "ate_waypoints": ate,
        "rpe_waypoints": rpe,
    }


RECON = Protocol(
    name="recon",
    horizon=HORIZON,
    planner=PlannerOptions(
        method="straight_line",
        batch_size=120,
        iteration_count=1,
        elites=5,
        knots=HORIZON,
        steps_per_knot=1,
        proposals=False,
    ),
    figures={
        "ate_m": "root mean square distance of the 8 waypoints, m",
        "rpe_m": "root mean square difference of the 7 steps between them, m",
        "ate_waypoints": "the same in waypoints of .25 m, as NWM's public code counts",
        "rpe_waypoints": "the same in waypoints of .25 m",
    },
    published={
        "[LAM] noise": _published(1.40, 0.40),
        "NoMaD": _published(1.93, 0.52),
        "NWM": _published(1.13, 0.35),
    },
    setting="100 starts of RECON's test split (nwm's data_splits/recon/test/navigation_eval.pkl), a frozen V-JEPA 2 "
    "and a forward model of ViT-L size trained on videos in the wild",
    check=check,
    errors=errors,
    controls=controls,
    remarks=remarks,
)
