"""A test's view of a ROS graph: its own context, spun by the test itself until a condition holds."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from lifecycle_msgs.srv import ChangeState
from patience import WAIT_S
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter

T = TypeVar("T")


class Ros:
    """One context, one executor, one node of the test's own; nodes under test may join it."""

    def __init__(self):
        self.context = Context()
        self.context.init(args=None)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.nodes: list[Node] = []
        self.node = self._add(Node("test", **self._options({})))

    def start(self, node_class: type, parameters: Mapping[str, Any] | None = None, **options: Any) -> Any:
        """A node under test in this context, with parameters as from a file."""
        return self._add(node_class(**self._options(parameters or {}), **options))

    def until(self, condition: Callable[[], T], what: str, timeout_s: float = WAIT_S) -> T:
        """Spin until the condition is truthy and return it; `what` says what was awaited in vain."""
        deadline = time.monotonic() + timeout_s
        while not (result := condition()):
            assert time.monotonic() < deadline, f"waited {timeout_s} s in vain for {what}"
            self.executor.spin_once(timeout_sec=0.02)
        return result

    def spin_for(self, seconds: float) -> None:
        """Spin for a time: only to show that something does NOT happen."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.executor.spin_once(timeout_sec=0.02)

    def collect(self, message_type: type, topic: str, qos: Any = 10) -> list:
        """A list that fills with the topic's messages."""
        messages: list = []
        self.node.create_subscription(message_type, topic, messages.append, qos)
        return messages

    def call(self, service_type: type, name: str, request: Any = None, timeout_s: float = WAIT_S) -> Any:
        """Call a service once it is there and return the response."""
        client = self.node.create_client(service_type, name)
        self.until(client.service_is_ready, f"service {name}", timeout_s)
        future = client.call_async(request or service_type.Request())
        self.until(future.done, f"an answer from {name}", timeout_s)
        self.node.destroy_client(client)
        return future.result()

    def change_state(self, node_name: str, transition: str, timeout_s: float = WAIT_S) -> bool:
        """Request a lifecycle transition by label, as `ros2 lifecycle set` does; True when it succeeded."""
        request = ChangeState.Request()
        request.transition.label = transition
        return self.call(ChangeState, f"{node_name}/change_state", request, timeout_s).success

    def stop(self, node: Any) -> None:
        """End a node in order, as `wm_ros.ros.process.run` does."""
        self.nodes.remove(node)
        if hasattr(node, "on_exit"):
            node.on_exit()
        self.executor.remove_node(node)
        node.destroy_node()

    def close(self) -> None:
        for node in list(self.nodes):
            self.stop(node)
        self.executor.shutdown()
        self.context.try_shutdown()

    def _add(self, node: Node) -> Node:
        self.nodes.append(node)
        self.executor.add_node(node)
        return node

    def _options(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        overrides = [Parameter(name, value=value) for name, value in parameters.items()]
        return {"context": self.context, "use_global_arguments": False, "parameter_overrides": overrides}
