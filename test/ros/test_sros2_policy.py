"""The policy allows what the nodes do: a right that is missing would be a node that hears or says nothing."""

import pytest
from test_security import policy

from wm_ros.nodes.guard_node import GuardNode
from wm_ros.nodes.pipeline_node import PipelineNode
from wm_ros.nodes.sequence_node import SequenceNode


def rights(node):
    """Names that a node publishes, subscribes and serves, as a policy writes them."""
    name, space = node.get_name(), node.get_namespace()

    def own(entries):
        return {entry.replace(f"/{name}/", "~", 1).lstrip("/") for entry, _ in entries}

    return {
        "publish": own(node.get_publisher_names_and_types_by_node(name, space)),
        "subscribe": own(node.get_subscriber_names_and_types_by_node(name, space)),
        "reply": own(node.get_service_names_and_types_by_node(name, space)),
    }


def check(node):
    allowed = policy()[f"/{node.get_name()}"]
    for right, used in rights(node).items():
        assert used <= allowed[right], f"{right} {sorted(used - allowed[right])} is missing"


def test_every_topic_and_service_of_the_guard_is_allowed(ros):
    node = ros.start(GuardNode, {"autostart": True, "use_sim_time": True})
    ros.until(lambda: node.state == "active", "the guard to be active")
    check(node)


def test_every_topic_and_service_of_the_sequence_is_allowed(ros):
    node = ros.start(SequenceNode, {"autostart": True, "use_sim_time": True})
    ros.until(lambda: node.state == "active", "the sequence to be active")
    check(node)


def test_every_topic_and_service_of_the_pipeline_is_allowed(ros, request):
    pytest.importorskip("torch")
    checkpoint = request.getfixturevalue("checkpoint")
    node = ros.start(PipelineNode, {"autostart": True, "use_sim_time": True, "checkpoint": checkpoint})
    ros.until(lambda: node.state == "active", "the pipeline to be active")
    check(node)
