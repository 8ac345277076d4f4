"""`wm_ros drive` with nodes that run already: a simulator, a pipeline and a guard, which all tests here share."""

import cv2
import numpy as np
import pytest

pytest.importorskip("mujoco")
pytest.importorskip("torch")
pytest.importorskip("rosbags")

from goal_scene import ARM, PATIENT_GUARD, PATIENT_PIPELINE, SCENE, write_goals
from process_harness import Processes, private_domain
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from std_msgs.msg import Float64MultiArray
from std_srvs.srv import Trigger

COMMANDS = ARM.command.topic


@pytest.fixture(scope="module")
def domain():
    """One for all tests, instead of one each."""
    with private_domain() as number:
        yield number


@pytest.fixture(scope="module")
def running(domain, tmp_path_factory):
    started = Processes(tmp_path_factory.mktemp("running"))
    started.start("wm_ros.nodes.sim_node", {"seed": SCENE})
    started.start("wm_ros.nodes.guard_node", {"autostart": True, **PATIENT_GUARD})
    started.start("wm_ros.nodes.pipeline_node", {"autostart": True, **PATIENT_PIPELINE})
    yield
    started.close()


@pytest.fixture(autouse=True)
def attached(ros, running):
    """Nodes as they came up: the guard is not armed and may not move the robot."""
    ros.until(lambda: ros.node.count_subscribers("goal_image"), "the pipeline to be active")
    ros.until(lambda: ros.node.count_subscribers("plan"), "the guard to be active")
    ros.until(lambda: ros.node.count_publishers(COMMANDS) == 1, "one guard alone")
    yield
    assert ros.call(Trigger, "/guard/stop").success
    allow_control(ros, False)


@pytest.fixture
def goals(tmp_path):
    write_goals(tmp_path / "goals")
    return tmp_path / "goals"


def allow_control(ros, value):
    allow = Parameter("enable_control", value=value).to_parameter_msg()
    request = SetParameters.Request(parameters=[allow])
    assert ros.call(SetParameters, "/guard/set_parameters", request).results[0].successful


def test_it_arms_no_guard_that_may_not_move_and_leaves_none_armed_unasked(ros, called, goals, tmp_path):
    goal = ("--goals", goals / "0.png", "--limit", "120")
    code, output = called("drive", *goal, "--enable-control")
    assert code == 1
    assert "the guard that runs sends nothing to the robot: its parameter enable_control is false" in output
    allow_control(ros, True)
    ros.until(lambda: ros.call(Trigger, "/guard/start").success, "the guard to start")
    code, output = called("drive", *goal)
    assert code == 1
    assert "the guard is armed, so that the robot would follow the goals: give --enable-control" in output
    code, output = called("drive", *goal, "--enable-control")
    assert code == 0, output
    assert '"attached_to": [\n  "guard",\n  "pipeline"\n ]' in (tmp_path / "drive" / "drive.json").read_text()
    assert ros.node.count_publishers(COMMANDS) == 1, "the guard that ran goes on running"


def test_a_goal_that_does_not_get_nearer_ends_the_drive_where_it_stands(ros, command, goals):
    allow_control(ros, True)
    sent = ros.collect(Float64MultiArray, COMMANDS, 1000)
    # One millirad is never held: beyond twice that, it must come nearer by as much, and then trembles.
    options = ("--limit", "300", "--stuck", "2", "--reached", "0.001", "--hold", "290")
    process = command("drive", "--goals", goals, "--enable-control", *options)
    ros.until(lambda: process.poll() is not None, "the end of the drive")
    output, _ = process.communicate()
    assert process.returncode == 1, output
    assert "ended early: goal 1 is not getting nearer" in output
    assert not any(sent[-1].data)


def test_goals_of_another_shape_than_the_camera_s_are_refused(called, tmp_path):
    (tmp_path / "wide").mkdir()
    cv2.imwrite(str(tmp_path / "wide" / "1.png"), np.zeros((48, 64, 3), np.uint8))
    code, output = called("drive", "--goals", "wide")
    assert code == 1
    assert "the goals are 64x48 pixels and the camera's pictures 64x64" in output


def test_a_robot_of_two_guards_is_not_driven(ros, processes, called, goals):
    processes.start("wm_ros.nodes.guard_node", {"autostart": True, **PATIENT_GUARD}, "-r", "__node:=second")
    ros.until(lambda: ros.node.count_publishers(COMMANDS) == 2, "a second guard")
    code, output = called("drive", "--goals", goals, "--enable-control")
    assert code == 1
    assert f"/guard, /second all publish {COMMANDS}: end all but one" in output
