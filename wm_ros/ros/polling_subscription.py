"""A polling subscription: no executor serves it, its owner takes what has come in a thread of its own."""

from __future__ import annotations

from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.qos import QoSPolicyKind, QoSProfile, ReliabilityPolicy

from wm_ros.ros.qos import incompatible_qos_fix
from wm_ros.ros.stream import SubscriptionEventCallbacks


class PollingSubscription:
    """Keeps the newest `qos.depth` messages until they are taken.

    For a loop that runs anyway: an executor wakes for every message, and builds a wait set of all of its node's
    entities each time.
    """

    def __init__(self, node: Node, message_type: type, topic: str, qos: QoSProfile):
        self._node, self._qos = node, qos
        # No events either: with Fast DDS, one in a wait set ends every wait while there are messages to be taken.
        events = SubscriptionEventCallbacks(use_default_callbacks=False)
        self._subscription = node.create_subscription(
            message_type, topic, lambda _: None, qos, callback_group=_NeverExecuted(), event_callbacks=events
        )
        self.topic = self._subscription.topic_name

    def take(self) -> list[Any]:
        """What came since the last call, oldest first; any one thread."""
        messages: list[Any] = []
        handle = self._subscription.handle
        with handle:
            while len(messages) < self._qos.depth:
                taken = handle.take_message(self._subscription.msg_type, False)
                if taken is None:
                    break
                messages.append(taken[0])
        return messages

    def qos_mismatch(self) -> str | None:
        """Why a publisher on the topic does not reach this subscription, and what to change; None where all do."""
        if self._qos.reliability is ReliabilityPolicy.RELIABLE:
            for publisher in self._node.get_publishers_info_by_topic(self.topic):
                if publisher.qos_profile.reliability is ReliabilityPolicy.BEST_EFFORT:
                    return incompatible_qos_fix(self.topic, QoSPolicyKind.RELIABILITY)
        return None

    def close(self) -> None:
        self._node.destroy_subscription(self._subscription)


class _NeverExecuted(CallbackGroup):
    """A callback group that no executor may execute."""

    def can_execute(self, entity: Any) -> bool:
        return False

    def beginning_execution(self, entity: Any) -> bool:
        return False

    def ending_execution(self, entity: Any) -> None:
        pass
