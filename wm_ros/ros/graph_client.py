"""A command's view of the ROS graph: nodes it spins itself until a condition holds."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, TypeVar

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rclpy.task import Future
from std_srvs.srv import Trigger

from wm_ros.ros.diagnostics import Level
from wm_ros.ros.process import use_fastdds_profile

T = TypeVar("T")
SPIN_S = 0.02
SERVICE_S = 5.0
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class NodeError(RuntimeError):
    """A node that has ended or cannot do its work; the message quotes what it said."""


class GraphClient:
    """A context manager that owns rclpy in this process.

    SIGINT and SIGTERM raise KeyboardInterrupt between two spins, once each: inside of one it would leave the
    executor unable to receive the guard's answer to the stop that must follow.

    `status` holds the newest diagnostics by node. watch: called while waiting, raises when waiting is in vain.
    """

    def __init__(self, name: str, watch: Callable[[], None] = lambda: None) -> None:
        self._watch = watch
        self._name = name
        self.status: dict[str, dict[str, str]] = {}

    def __enter__(self) -> GraphClient:
        use_fastdds_profile()
        self._interrupted = False
        self._handlers = {number: signal.signal(number, self._interrupt) for number in SIGNALS}
        rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
        self._executor = SingleThreadedExecutor()
        self._nodes: list[Node] = []
        self.node = self.add(Node(self._name))
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 50)
        self._services: dict[str, Any] = {}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for node in self._nodes:
            self._executor.remove_node(node)
            node.destroy_node()
        self._executor.shutdown()
        rclpy.try_shutdown()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def add(self, node: Any) -> Any:
        """Spin this node too, until the end."""
        self._nodes.append(node)
        self._executor.add_node(node)
        return node

    def spin_once(self, timeout_s: float = SPIN_S) -> None:
        """Handle what has come, or wait for it a moment; raises for signals and for what `watch` finds."""
        if self._interrupted:
            self._interrupted = False
            raise KeyboardInterrupt
        self._watch()
        self._executor.spin_once(timeout_sec=timeout_s)

    def spin_for(self, seconds: float) -> None:
        """Handle what comes for a while."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.spin_once()

    def until(self, condition: Callable[[], T], what: str, timeout_s: float) -> T:
        """Spin until the condition is truthy and return it; NodeError saying what was awaited in vain."""
        deadline = time.monotonic() + timeout_s
        while not (result := condition()):
            if time.monotonic() > deadline:
                raise NodeError(f"waited {timeout_s:g} s in vain for {what}.{self._complaints()}")
            self.spin_once()
        return result

    def await_active(self, nodes: Sequence[str], timeout_s: float) -> None:
        """Wait for lifecycle nodes; one that says why it cannot become active ends the wait with NodeError."""

        def active() -> bool:
            for node in nodes:
                status = self.status.get(node, {})
                if status.get("level") == "ERROR" and status.get("state") != "active":
                    raise NodeError(f"{node}: {status['message']}")
            return all(self.status.get(node, {}).get("state") == "active" for node in nodes)

        self.until(active, f"{', '.join(nodes)} to become active", timeout_s)

    def call(self, service: str) -> Trigger.Response:
        """Call a std_srvs/Trigger service and wait for the answer."""
        self.until(self._service(service).service_is_ready, f"service {service}", SERVICE_S)
        future = self.request(service)
        self.until(future.done, f"an answer from {service}", SERVICE_S)
        return future.result()

    def request(self, service: str) -> Future:
        """Call a std_srvs/Trigger service that is known to be there, and go on."""
        return self._service(service).call_async(Trigger.Request())

    def _service(self, name: str) -> Any:
        if name not in self._services:
            self._services[name] = self.node.create_client(Trigger, name)
        return self._services[name]

    def _interrupt(self, *_: Any) -> None:
        self._interrupted = True

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            level = Level(status.level[0]).name
            values = {value.key: value.value for value in status.values}
            self.status[status.name] = {**values, "level": level, "message": status.message}

    def _complaints(self) -> str:
        return "".join(
            f"\n{node}: {status['message']}"
            for node, status in self.status.items()
            if status["level"] != "OK"
        )
