"""The model nodes as the processes a user starts: large images arrive, signals end them in order."""

import signal

import numpy as np
import pytest

pytest.importorskip("torch")

from camera_harness import Camera, Goals, picture
from checkpoint_harness import write_checkpoint
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CompressedImage, Image
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from wm_ros.messages.plan import decode_plan
from wm_ros.messages.stamp import to_ns
from wm_ros.robots.profile import load_profile
from wm_ros.ros.qos import LATCHED

ARM = load_profile("arm")
KEEP_ALL = QoSProfile(depth=100)


@pytest.fixture
def checkpoint(tmp_path):
    return write_checkpoint(tmp_path / "checkpoint", ARM)


def await_status(ros, node, level, text=""):
    statuses = ros.collect(DiagnosticArray, f"/{node}/status", LATCHED)

    def found():
        newest = statuses[-1].status[0] if statuses else None
        return newest if newest and newest.level == level and text in newest.message else None

    return ros.until(found, f"{node} to say {text!r}")


def film(ros, camera, condition, what, height=48, width=64):
    """Show frames at 20 Hz until the condition holds."""
    frames = [picture(seed, height, width) for seed in range(8)]
    shown = iter(range(10_000))
    timer = ros.node.create_timer(0.05, lambda: camera.send(frames[next(shown) % 8]))
    try:
        return ros.until(condition, what)
    finally:
        ros.node.destroy_timer(timer)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_large_images_become_plans_and_a_signal_ends_it(ros, processes, checkpoint, number):
    camera, goals = Camera(ros), Goals(ros)
    plans = ros.collect(JointTrajectory, "plan", KEEP_ALL)
    latents = ros.collect(Image, "latent", KEEP_ALL)
    parameters = {"autostart": True, "checkpoint": checkpoint, "planner.batch_size": 16}
    pipeline = processes.start("wm_ros.nodes.pipeline_node", parameters)
    goals.send(3)
    film(ros, camera, lambda: len(plans) >= 10, "ten plans", height=480, width=640)
    assert decode_plan(plans[-1], ARM).rates.any()
    assert (np.diff([to_ns(latent.header.stamp) for latent in latents]) > 0).all()
    pipeline.send(number)
    assert pipeline.wait() == 0
    assert "Traceback" not in pipeline.log()


def test_compiled_at_activation_it_plans(ros, processes, checkpoint):
    camera, goals = Camera(ros), Goals(ros)
    plans = ros.collect(JointTrajectory, "plan", KEEP_ALL)
    few = {
        "planner.batch_size": 8,
        "planner.elites": 4,
        "planner.iteration_count": 1,
        "planner.time_steps": 2,
    }
    pipeline = processes.start(
        "wm_ros.nodes.pipeline_node", {"autostart": True, "checkpoint": checkpoint, "compile": True, **few}
    )
    ros.until(lambda: "compiled in" in pipeline.log(), "the end of compiling")
    goals.send(3)
    film(ros, camera, lambda: len(plans) >= 3, "three plans")
    assert "ERROR" not in pipeline.log()


def test_the_three_stages_in_three_processes(ros, processes, checkpoint):
    camera = Camera(ros)
    plans, actions = (
        ros.collect(JointTrajectory, "plan", KEEP_ALL),
        ros.collect(Image, "latent_action", KEEP_ALL),
    )
    children = [
        processes.start(f"wm_ros.nodes.{name}_node", {"autostart": True, "checkpoint": checkpoint, **more})
        for name, more in (
            ("encoder", {}),
            ("latent_action", {}),
            ("planner", {"planner.batch_size": 16}),
        )
    ]
    film(ros, camera, lambda: actions, "a latent action")

    def captured():
        return ros.call(Trigger, "/planner/capture_goal").success

    film(ros, camera, captured, "the goal to be captured")
    film(ros, camera, lambda: len(plans) >= 3, "three plans")
    for child in children:
        child.send(signal.SIGTERM)
    assert [child.wait() for child in children] == [0, 0, 0]


def test_a_camera_of_another_type_or_quality_is_named(ros, processes, checkpoint):
    ros.node.create_publisher(CompressedImage, "image", 1)
    processes.start(
        "wm_ros.nodes.encoder_node", {"autostart": True, "checkpoint": checkpoint, "camera_timeout_s": 0.3}
    )
    status = await_status(ros, "encoder", DiagnosticStatus.ERROR, "/image carries")
    assert "sensor_msgs/msg/CompressedImage, expected sensor_msgs/msg/Image" in status.message
    assert "image_transport" in status.message


def test_a_missing_checkpoint_leaves_a_node_that_says_so_and_takes_the_right_one(ros, processes, checkpoint):
    child = processes.start("wm_ros.nodes.encoder_node", {"autostart": True, "checkpoint": "/nowhere"})
    status = await_status(ros, "encoder", DiagnosticStatus.ERROR, "configure failed")
    assert "checkpoint /nowhere is not a folder" in status.message
    assert "CheckpointError" in child.log()
    parameter = Parameter("checkpoint", value=checkpoint).to_parameter_msg()
    request = SetParameters.Request(parameters=[parameter])
    assert ros.call(SetParameters, "/encoder/set_parameters", request).results[0].successful
    assert ros.change_state("/encoder", "configure")
