"""What a node declares, publishes, reads and serves: it is started alone, seen by nobody else, and asked."""

from __future__ import annotations

import inspect
import os
import pkgutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType

from rcl_interfaces.msg import ParameterDescriptor
from rclpy.context import Context
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from wm_ros import nodes
from wm_ros.robots.profile import load_profile
from wm_ros.ros.lifecycle import ManagedNode

RANGE = "ROS_AUTOMATIC_DISCOVERY_RANGE"
ABSOLUTE = ("/diagnostics", "/clock")
# What every node has from rclpy, and every lifecycle node from the lifecycle.
OF_ROS = {"use_sim_time", "start_type_description_service", "parameter_events", "rosout"}
OF_ROS |= {f"~/{verb}_parameters" for verb in ("get", "set", "list", "describe")}
OF_ROS |= {"~/get_parameter_types", "~/set_parameters_atomically", "~/get_type_description"}
OF_ROS |= {"~/change_state", "~/get_state", "~/get_available_states", "~/get_available_transitions"}
OF_ROS |= {"~/get_transition_graph", "~/transition_event"}


@dataclass(frozen=True)
class Endpoint:
    """A topic or a service: its name as the code gives it, its type and, of a topic, its QoS."""

    name: str
    type: str
    qos: str = ""


@dataclass(frozen=True)
class Interface:
    """All that others can see of a node; parameters: descriptor and default."""

    name: str
    purpose: str
    lifecycle: bool
    subscribes: list[Endpoint]
    publishes: list[Endpoint]
    serves: list[Endpoint]
    parameters: list[tuple[ParameterDescriptor, object]]


def executables() -> list[str]:
    """The modules of `wm_ros.nodes` that are executables."""
    names = [info.name for info in pkgutil.iter_modules(nodes.__path__) if info.name.endswith("_node")]
    return [name for name in names if hasattr(_module(name), "main")]


def interface(executable: str, profile: str) -> Interface:
    """The interface of an executable's node for a robot: names of topics in braces are from its profile."""
    with _started(executable, profile) as node:
        named = _named_by_profile(node, profile)
        parameters = sorted(name for name in node.list_parameters([], 0).names if name not in OF_ROS)
        values = [node.get_parameter(name).value for name in parameters]
        subscribed = ((s.topic_name, s.msg_type, _qos(s.qos_profile)) for s in node.subscriptions)
        published = ((p.topic_name, p.msg_type, _qos(p.qos_profile)) for p in node.publishers)
        served = ((node.resolve_service_name(s.srv_name), s.srv_type, "") for s in node.services)
        return Interface(
            node.get_name(),
            f"{inspect.getdoc(_module(executable))}\n\n{inspect.getdoc(type(node))}",
            isinstance(node, ManagedNode),
            *(_endpoints(node, found, named) for found in (subscribed, published, served)),
            list(zip(node.describe_parameters(parameters), values, strict=True)),
        )


@contextmanager
def _started(executable: str, profile: str) -> Iterator[Node]:
    """The node; active, where it has a lifecycle."""
    before = os.environ.get(RANGE)
    os.environ[RANGE] = "OFF"
    context = Context()
    try:
        context.init(args=["--ros-args", "--log-level", "error", "-p", f"profile:={profile}"])
        node = getattr(_module(executable), executable.title().replace("_", ""))(context=context)
        if isinstance(node, ManagedNode):
            node.trigger_configure()
            node.trigger_activate()
            if node.state != "active":
                raise RuntimeError(f"{executable} does not become active: {node.status()[1]}")
        yield node
        if isinstance(node, ManagedNode):
            node.on_exit()
        node.destroy_node()
    finally:
        context.try_shutdown()
        del os.environ[RANGE]
        if before is not None:
            os.environ[RANGE] = before


def _named_by_profile(node: Node, profile: str) -> dict[str, str]:
    robot = load_profile(profile)
    named = {"{camera}": robot.camera, "{command}": robot.command, "{state}": robot.state}
    return {node.resolve_topic_name(entry.topic): braces for braces, entry in named.items() if entry}


def _endpoints(node: Node, found: Iterable[tuple[str, type, str]], named: dict[str, str]) -> list[Endpoint]:
    own, endpoints = f"{node.get_fully_qualified_name()}/", []
    for resolved, kind, qos in found:
        if resolved.startswith(own):
            name = "~/" + resolved.removeprefix(own)
        else:
            name = named.get(resolved, resolved if resolved in ABSOLUTE else resolved.lstrip("/"))
        if name not in OF_ROS:
            package, folder, _ = kind.__module__.split(".", 2)
            endpoints.append(Endpoint(name, f"{package}/{folder}/{kind.__name__}", qos))
    return sorted(endpoints, key=lambda endpoint: endpoint.name)


def _qos(qos: QoSProfile) -> str:
    reliability = "best effort" if qos.reliability is ReliabilityPolicy.BEST_EFFORT else "reliable"
    latched = ", transient local" if qos.durability is DurabilityPolicy.TRANSIENT_LOCAL else ""
    return f"{reliability}, depth {qos.depth}{latched}"


def _module(executable: str) -> ModuleType:
    return import_module(f"wm_ros.nodes.{executable}")
