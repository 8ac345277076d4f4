"""The inference stage on topics: latents in, latent actions out."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from sensor_msgs.msg import Image
from std_msgs.msg import Header

from wm_ros.messages.stamp import to_ns
from wm_ros.nodes.interfaces import Stage
from wm_ros.nodes.model_node import ModelNode
from wm_ros.nodes.tensor_messages import tensor_message
from wm_ros.ros.qos import OUTPUT

if TYPE_CHECKING:
    from torch import Tensor

    from wm_ros.models.planning_model import PlanningModel
    from wm_ros.models.world_model import WorldModel


class LatentActions(Stage):
    """Publishes on `latent_action` what happened [1, Z] between a frame and the one a model step before."""

    _node: ModelNode

    @classmethod
    def unsupported_reason(cls, model: PlanningModel) -> str:
        return "" if model.latent_actions else "no latent actions: this model is told the robot's own"

    def __init__(self, node: ModelNode):
        from wm_ros.stages.infer import Infer

        super().__init__(node)
        self._infer = Infer(cast("WorldModel", node.model))  # the one kind with latent actions
        self._publisher = node.advertise(Image, "latent_action", OUTPUT)

    def restart(self) -> None:
        self._infer.reset()

    def __call__(self, header: Header, latent: Tensor) -> None:
        action = self._infer(to_ns(header.stamp), latent)
        if action is not None:
            self._publisher.publish(tensor_message(header, action[None]))
