"""The stages as separate nodes say the same as the pipeline, and refuse what does not fit."""

import numpy as np
import pytest

pytest.importorskip("torch")

from camera_harness import Camera, Goals
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from wm_ros.messages.plan import decode_plan
from wm_ros.messages.stamp import to_ns
from wm_ros.messages.tensor import decode_tensor, fill_tensor
from wm_ros.nodes.encoder_node import EncoderNode
from wm_ros.nodes.latent_action_node import LatentActionNode
from wm_ros.nodes.pipeline_node import PipelineNode
from wm_ros.nodes.planner_node import PlannerNode
from wm_ros.robots.profile import load_profile

ARM = load_profile("arm")
STEP_NS = round(1e9 * ARM.model_dt)
QUICK = {"planner.batch_size": 16, "planner.elites": 4, "planner.iteration_count": 2}
KEEP_ALL = QoSProfile(depth=100)


def start(ros, checkpoint, *node_classes, **parameters):
    """Active nodes of these classes; offline, so that stamps may be any."""
    nodes = []
    for node_class in node_classes:
        options = {"autostart": True, "checkpoint": checkpoint, "max_image_age_s": 0.0, **parameters}
        if node_class in (PipelineNode, PlannerNode):
            options.update(QUICK)
        nodes.append(ros.start(node_class, options))
    ros.until(lambda: all(node.state == "active" for node in nodes), "the nodes to be active")
    return nodes


def outputs(ros, checkpoint, *node_classes):
    """Latents, latent actions and plans that these nodes make of two frames and the latched goal."""
    camera = Camera(ros)
    latents, actions, plans = (
        ros.collect(kind, topic, KEEP_ALL)
        for kind, topic in ((Image, "latent"), (Image, "latent_action"), (JointTrajectory, "plan"))
    )
    nodes = start(ros, checkpoint, *node_classes)
    ros.until(lambda: nodes[-1].diagnostic_values()["goal"] == "set", "the goal")
    for index in range(2):
        camera.send(index, (index + 1) * STEP_NS)
        ros.until(lambda count=index + 1: (len(latents), len(plans)) == (count, count), "latent and plan")
    ros.until(lambda: actions, "the latent action")
    for node in nodes:
        ros.stop(node)
    assert [to_ns(plan.header.stamp) for plan in plans] == [STEP_NS, 2 * STEP_NS]
    assert to_ns(actions[0].header.stamp) == 2 * STEP_NS
    return (
        np.stack([decode_tensor(message) for message in latents]),
        decode_tensor(actions[0]),
        np.stack([decode_plan(message, ARM).rates for message in plans]),
    )


def test_three_nodes_make_of_a_frame_what_the_pipeline_makes(ros, checkpoint):
    goals = Goals(ros)
    goals.send(5)
    together = outputs(ros, checkpoint, PipelineNode)
    apart = outputs(ros, checkpoint, EncoderNode, LatentActionNode, PlannerNode)
    for one, other in zip(together, apart, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("node_class", "name"), [(LatentActionNode, "latent_action"), (PlannerNode, "planner")]
)
def test_without_latents_the_fault_names_the_node_to_start(ros, checkpoint, node_class, name):
    (node,) = start(ros, checkpoint, node_class, camera_timeout_s=0.2)
    fault = ros.until(lambda: node.faults.worst()[1], "a fault")
    assert fault == "no publisher on /latent: start encoder_node or pipeline_node, or remap `latent`"


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (
            fill_tensor(Image(), np.zeros((1, 9), np.float32)),
            "latent is [1, 9], this checkpoint makes [1, 8]",
        ),
        (Image(encoding="rgb8", height=1, width=1, step=3, data=b"abc"), "has encoding 32FC1, got 'rgb8'"),
    ],
)
def test_latents_of_another_checkpoint_are_refused(ros, checkpoint, message, why):
    publisher = ros.node.create_publisher(Image, "latent", 1)
    (node,) = start(ros, checkpoint, PlannerNode)
    message.header.stamp.sec = 1
    publisher.publish(message)
    fault = ros.until(lambda: node.faults.worst()[1], "a fault")
    assert why in fault


def test_the_planner_captures_the_latent_it_sees(ros, checkpoint):
    camera = Camera(ros)
    plans = ros.collect(JointTrajectory, "plan", KEEP_ALL)
    _, planner = start(ros, checkpoint, EncoderNode, PlannerNode)
    camera.send(1, STEP_NS)
    ros.until(lambda: planner.stream.newest, "the latent")
    assert ros.call(Trigger, "/planner/capture_goal").success
    camera.send(2, 2 * STEP_NS)
    ros.until(lambda: plans, "a plan")
