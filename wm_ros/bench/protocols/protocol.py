"""What a protocol is: how far ahead, how hard the search looks, what it measures, and what was published with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from wm_ros.bench.protocols.starts import Starts
from wm_ros.planning.options import PlannerOptions
from wm_ros.robots.profile import RobotProfile


class ProtocolError(ValueError):
    """A protocol that cannot be run on this data with this model; the message says what to change."""


@dataclass(frozen=True)
class Protocol:
    """One published protocol.

    figures: what is measured, with its meaning. published: figures of others, by what they are of. check: raises
    ProtocolError for a robot that it is not for. errors: figures [C] of plans [C, H, A] in SI rates. controls: plans of
    no model, by name, of a seed. setting: what was published it for. remarks: what else a reader
    must know.
    """

    name: str
    horizon: int
    planner: PlannerOptions
    figures: Mapping[str, str]
    published: Mapping[str, Mapping[str, float]]
    setting: str
    check: Callable[[RobotProfile], None]
    errors: Callable[[RobotProfile, Starts, np.ndarray], dict[str, np.ndarray]]
    controls: Callable[[RobotProfile, Starts, int], dict[str, np.ndarray]]
    remarks: Callable[[Starts], list[str]]


def uniform_plans(profile: RobotProfile, starts: Starts, seed: int, held: bool) -> np.ndarray:
    """Random actions within the limits [C, H, A]; held: one over the whole horizon."""
    count, horizon, width = starts.actions.shape
    shape = (count, 1 if held else horizon, width)
    drawn = np.random.default_rng([seed, 4]).uniform(profile.low, profile.high, shape)
    return np.broadcast_to(drawn, (count, horizon, width))
