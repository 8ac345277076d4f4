"""The documentation has a page for every node, with all of its parameters, topics and services."""

import re
from pathlib import Path

import pytest
import yaml

from wm_ros.nodes import guard_node, model_node, planner_parameters, sequence_node, sim_node, sources
from wm_ros.planning.methods import METHODS
from wm_ros.ros.lifecycle import AUTOSTART

DOC = Path(__file__).resolve().parents[2] / "doc"
DEFAULTS = yaml.safe_load((DOC.parent / "config" / "arm.yaml").read_text())
OF_CAMERA = (*model_node.PARAMETERS, *sources.CameraSource.PARAMETERS, AUTOSTART)
PARAMETERS = {
    "pipeline_node": (*OF_CAMERA, *planner_parameters.PARAMETERS),
    "encoder_node": OF_CAMERA,
    "latent_action_node": (*model_node.PARAMETERS, AUTOSTART),
    "planner_node": (*model_node.PARAMETERS, *planner_parameters.PARAMETERS, AUTOSTART),
    "guard_node": (*guard_node.PARAMETERS, AUTOSTART),
    "sequence_node": (*sequence_node.PARAMETERS, AUTOSTART),
    "sim_node": sim_node.PARAMETERS,
}
TYPES = {bool: "bool", int: "integer", float: "double", str: "string"}


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Text of each page by the name of its node, as `make docs` gives it to Sphinx."""
    if not DOC.is_dir():
        pytest.skip("the documentation is not beside these tests")
    folder = tmp_path_factory.mktemp("generated")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(DOC / "site"))
        from written import write_pages

        write_pages(folder)
    return {path.stem: path.read_text() for path in folder.glob("nodes/*.md")}


def rows(page, section):
    """Cells of the table of a section, a list a row."""
    table = page.partition(f"## {section}\n")[2].partition("\n## ")[0]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()[3:]]


def test_every_node_has_a_page(pages):
    assert set(pages) == set(PARAMETERS)
    assert {f"/**/{name.removesuffix('_node')}" for name in pages} == set(DEFAULTS)


@pytest.mark.parametrize("node", PARAMETERS)
def test_a_page_has_every_parameter_with_type_default_range_and_description(pages, node):
    found = {row[0].strip("`"): row[1:] for row in rows(pages[node], "Parameters")}
    assert set(found) == {parameter.name for parameter in PARAMETERS[node]}
    for parameter in PARAMETERS[node]:
        kind, default, limits, meaning, read = found[parameter.name]
        assert kind == TYPES[type(parameter.default)]
        text = str(parameter.default)
        assert default.strip("`") == (text.lower() if text in ("True", "False") else text or "empty")
        if parameter.range:
            assert [float(limit) for limit in limits.split(" to ")] == list(parameter.range)
        for choice in filter(None, parameter.choices):
            assert f"`{choice}`" in limits
        assert meaning == parameter.description
        assert (read == "any time") is not parameter.read_only


def test_the_planner_offers_every_method_there_is(pages):
    offered = next(
        row[3] for row in rows(pages["planner_node"], "Parameters") if row[0] == "`planner.method`"
    )
    assert offered == ", ".join(f"`{method}`" for method in ("auto", *METHODS))


def test_a_page_has_topics_and_services_as_the_node_says(pages):
    guard = pages["guard_node"]
    assert [row[:3] for row in rows(guard, "Subscribed topics")] == [
        ["`plan`", "trajectory_msgs/msg/JointTrajectory", "reliable, depth 10"],
        ["`stop`", "std_msgs/msg/Bool", "reliable, depth 10"],
    ]
    assert ["`{command}`", "std_msgs/msg/Float64MultiArray"] in [
        row[:2] for row in rows(guard, "Published topics")
    ]
    assert [row[0] for row in rows(guard, "Services")] == ["`~/reset`", "`~/start`", "`~/stop`"]
    plan = next(row for row in rows(pages["pipeline_node"], "Published topics") if row[0] == "`plan`")
    assert plan[1:3] == ["trajectory_msgs/msg/JointTrajectory", "reliable, depth 1"]
    assert "transient local" in pages["planner_node"]
    assert not re.search("get_parameters|transition_event", "".join(pages.values()))
