"""The page of each node of the documentation, in Markdown, made from the node itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from endpoints import SERVICES, TOPICS
from node_interface import Endpoint, Interface, executables, interface
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.parameter import Parameter

from wm_ros.ros.parameters import READ_ONLY

PROFILE = "arm"
LIFECYCLE = "A lifecycle node: `autostart`, `ros2 lifecycle` or a launch file configures and activates it."
PLAIN = "A node without a lifecycle: it works while its process is up."
OF_TOPICS = ("topic", "type", "QoS", "meaning")


def node_pages() -> dict[str, str]:
    """Pages by the names of the executables; LookupError for a topic or a service that nobody has explained."""
    return {executable: page(executable) for executable in executables()}


def page(executable: str) -> str:
    """The page of one executable."""
    found = interface(executable, PROFILE)
    services = {name: meaning for (node, name), meaning in SERVICES.items() if node == found.name}
    sections = [
        f"# {executable}",
        found.purpose,
        LIFECYCLE if found.lifecycle else PLAIN,
        f"Start it with `ros2 run wm_ros {executable}`. This page is made from the running node, with the profile "
        f"`{PROFILE}`. The robot profile names the topics in braces, and the types of commands and states.",
        "## Subscribed topics",
        _table(OF_TOPICS, _rows(found.subscribes, TOPICS)),
        "## Published topics",
        _table(OF_TOPICS, _rows(found.publishes, TOPICS)),
        "## Services",
        _table(("service", "type", "what it does"), _rows(found.serves, services)),
        "## Parameters",
        _table(("name", "type", "default", "range", "meaning", "read"), _parameters(found)),
    ]
    return "\n\n".join(sections) + "\n"


def _rows(endpoints: Sequence[Endpoint], meanings: Mapping[str, str]) -> list[tuple[str, ...]]:
    rows = []
    for one in endpoints:
        if one.name not in meanings:
            raise LookupError(f"{one.name} is not explained: add a sentence to doc/site/endpoints.py")
        rows.append((_code(one.name), one.type, *filter(None, [one.qos]), meanings[one.name]))
    return rows


def _parameters(found: Interface) -> list[tuple[str, ...]]:
    once = "at configure" if found.lifecycle else "at start"
    return [
        (
            _code(descriptor.name),
            Parameter(descriptor.name, value=value).type_.name.lower(),
            _code(value),
            _range(descriptor, value),
            descriptor.description,
            once if READ_ONLY in descriptor.additional_constraints else "any time",
        )
        for descriptor, value in found.parameters
    ]


def _range(descriptor: ParameterDescriptor, value: object) -> str:
    for limits in (*descriptor.floating_point_range, *descriptor.integer_range):
        return f"{limits.from_value} to {limits.to_value}"
    if descriptor.additional_constraints.startswith("one of: "):
        listed = descriptor.additional_constraints.removeprefix("one of: ").partition(";")[0]
        return ", ".join(_code(choice.strip()) for choice in listed.split(","))
    return "true, false" if isinstance(value, bool) else "any text"


def _code(value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{text}`" if text else "empty"


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    if not rows:
        return "None."
    escaped = [[cell.replace("|", r"\|").replace("<", "&lt;") for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *escaped))
