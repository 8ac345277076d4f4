"""What the robot can be told at most."""

from __future__ import annotations

import torch
from torch import Tensor

from wm_ros.models.to_device import to_device
from wm_ros.robots.profile import RobotProfile


class Bounds:
    """Least and most of each action component, [A]."""

    def __init__(self, low: Tensor, high: Tensor) -> None:
        self.low, self.high, self.span = low, high, high - low

    def clamp(self, actions: Tensor) -> Tensor:
        return actions.clamp(self.low, self.high)

    def doable(self, drawn: Tensor) -> Tensor:
        """What the robot can do that is like these, drawn within the bounds: for actions, these."""
        return drawn

    def uniform(self, count: int, generator: torch.Generator) -> Tensor:
        """Actions [count, A] from everywhere within."""
        share = to_device(torch.rand(count, len(self.low), generator=generator), self.low.device)
        return self.clamp(self.low + self.span * share)


def bounds_of(robot: RobotProfile, device: torch.device) -> Bounds:
    """The limits of a robot's profile."""
    low, high = (torch.tensor(limit, dtype=torch.float32, device=device) for limit in (robot.low, robot.high))
    return Bounds(low, high)
