"""config/arm.yaml says what the nodes do anyway, for every one of their parameters, and yields to `-p`."""

from importlib import import_module

import pytest
import yaml
from rclpy.context import Context

from wm_ros.resources import share_dir

FILE = share_dir() / "config" / "arm.yaml"
SECTIONS = yaml.safe_load(FILE.read_text())
NODES = {
    "pipeline": "PipelineNode",
    "encoder": "EncoderNode",
    "latent_action": "LatentActionNode",
    "planner": "PlannerNode",
    "guard": "GuardNode",
    "sequence": "SequenceNode",
    "sim": "SimNode",
}
ELSEWHERE = {"profile", "autostart", "use_sim_time", "start_type_description_service"}


@pytest.fixture
def started(monkeypatch):
    """Starts a node as its executable would, with command line arguments."""
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "OFF")
    contexts, nodes = [], []

    def start(name, *arguments):
        context = Context()
        context.init(args=["--ros-args", *arguments])
        contexts.append(context)
        node = getattr(import_module(f"wm_ros.nodes.{name}_node"), NODES[name])(context=context)
        nodes.append(node)
        return node

    yield start
    for node in nodes:
        node.destroy_node()
    for context in contexts:
        context.try_shutdown()


def own_parameters(node):
    names = node.list_parameters([], 0).names
    return {name: node.get_parameter(name).value for name in names if name.split(".")[0] not in ELSEWHERE}


def flat(section, prefix=""):
    """A section's parameters by their dotted names."""
    entries = {}
    for key, value in section.items():
        entries.update(flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value})
    return entries


def test_every_node_has_a_section():
    assert set(SECTIONS) == {f"/**/{name}" for name in NODES}


@pytest.mark.parametrize("name", NODES)
def test_a_section_lists_the_nodes_parameters_with_their_defaults(started, name):
    assert flat(SECTIONS[f"/**/{name}"]["ros__parameters"]) == own_parameters(started(name))


def test_the_file_reaches_a_node_in_a_namespace_and_yields_to_p(started, tmp_path):
    changed = tmp_path / "changed.yaml"
    changed.write_text(FILE.read_text().replace("stop_hold_s: 1.0", "stop_hold_s: 2.0"))
    arguments = ["--params-file", str(changed), "-p", "enable_control:=true", "-r", "__ns:=/left/robot"]
    guard = started("guard", *arguments)
    assert guard.get_fully_qualified_name() == "/left/robot/guard"
    assert guard.value("stop_hold_s") == 2.0
    assert guard.value("enable_control") is True
