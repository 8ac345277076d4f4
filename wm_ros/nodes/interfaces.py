"""The two kinds of components of a model node: sources of latents, and stages that use them.

A component is given its node; one that needs more of it than a lifecycle node has says so by a type of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from std_msgs.msg import Header

from wm_ros.ros.lifecycle import ManagedNode
from wm_ros.ros.parameters import Parameter
from wm_ros.ros.stream import Stream
from wm_ros.ros.stream_set import StreamSet

if TYPE_CHECKING:
    from torch import Tensor

    from wm_ros.models.planning_model import PlanningModel


class Source:
    """Where latents come from: a subscription, and a way from its message to a latent."""

    PARAMETERS: tuple[Parameter, ...] = ()

    def __init__(self, node: ManagedNode):
        self._node = node

    def warm_up(self) -> None:
        """Have compiled what there is to compile. Worker thread."""

    def subscribe(
        self, on_message: Callable[[Any], None], on_restart: Callable[[], None]
    ) -> Stream | StreamSet:
        raise NotImplementedError

    def read(self, message: Any) -> Tensor:
        """Latent [N, D] of a message; ImageError when it has none. Worker thread."""
        raise NotImplementedError

    def picture(self, message: Any) -> np.ndarray:
        """What a message shows, [H, W, 3] uint8 RGB; ImageError when that is nothing. Worker thread."""
        raise NotImplementedError

    def publish(self, header: Header, latent: Tensor) -> None:
        """Tell others, when the latent was made here. Worker thread."""


class Stage:
    """What is made of each latent. Calls, `restart` and `forget` come on the worker thread."""

    PARAMETERS: tuple[Parameter, ...] = ()

    @classmethod
    def unsupported_reason(cls, model: PlanningModel) -> str:
        """Why there is nothing for this stage to do with such a model; empty: there is."""
        return ""

    def __init__(self, node: ManagedNode):
        self._node = node

    def warm_up(self) -> None:
        """Have compiled what there is to compile. Worker thread."""

    def open(self) -> None:
        """Listen to what the stage needs besides latents."""

    def close(self) -> None:
        """Listen no more."""

    def check(self) -> None:
        """Raise and clear the faults of what the stage listens to; often, in the executor's thread."""

    def __call__(self, header: Header, latent: Tensor) -> None:
        raise NotImplementedError

    def restart(self) -> None:
        """Time jumped back: forget what was made of earlier latents."""

    def forget(self) -> None:
        """The node ends its activity: forget everything."""
        self.restart()

    def summary(self) -> str:
        """One line for people, or nothing."""
        return ""

    def diagnostic_values(self) -> Mapping[str, object]:
        return {}
