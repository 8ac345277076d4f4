"""Nodes with V-JEPA 2-AC, which is told where the end effector is: no pose of the frame's time, no plan."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
import yaml
from camera_harness import Camera, Goals
from checkpoint_harness import write_action_conditioned
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.qos import QoSProfile
from robot_state import RobotState
from sensor_msgs.msg import Image
from std_msgs.msg import Float32
from trajectory_msgs.msg import JointTrajectory

from wm_ros.messages.plan import decode_plan
from wm_ros.messages.stamp import to_ns
from wm_ros.nodes.encoder_node import EncoderNode
from wm_ros.nodes.latent_action_node import LatentActionNode
from wm_ros.nodes.pipeline_node import PipelineNode
from wm_ros.nodes.planner_node import PlannerNode
from wm_ros.robots.profile import load_profile
from wm_ros.ros.qos import LATCHED

FRANKA, TWIST = load_profile("franka"), load_profile("franka_twist")
STEP_NS = 250_000_000
QUICK = {"planner.batch_size": 8, "planner.elites": 4, "planner.iteration_count": 1, "planner.time_steps": 4}
OFFLINE = {"autostart": True, "max_image_age_s": 0.0, "camera_timeout_s": 60.0}
KEEP_ALL = QoSProfile(depth=100)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ac")
    return {
        profile.name: write_action_conditioned(folder / profile.name, profile) for profile in (FRANKA, TWIST)
    }


class Bench:
    """A node for V-JEPA 2-AC, a camera, a robot that tells its state, and a goal."""

    def __init__(self, ros, checkpoints):
        self.ros, self.checkpoints = ros, checkpoints
        self.camera, self.goals = Camera(ros), Goals(ros)
        self.plans = ros.collect(JointTrajectory, "plan", KEEP_ALL)
        self.latents = ros.collect(Image, "latent", KEEP_ALL)

    def start(self, node_class, profile=FRANKA, **parameters):
        options = {**OFFLINE, "profile": profile.name, "checkpoint": self.checkpoints[profile.name]}
        if node_class in (PipelineNode, PlannerNode):
            options |= QUICK
        node = self.ros.start(node_class, options | parameters)
        self.ros.until(lambda: node.state == "active", f"{node_class.__name__} to be active")
        self.state = RobotState(self.ros, profile)
        return node

    def measured(self, node, stamp_ns, **state):
        """The robot's state has arrived."""
        self.state.send(stamp_ns, **state)
        for source in self.stage(node)._end_effector._sources():
            self.ros.until(lambda at=source: any(s == stamp_ns for s, _ in at._messages), "the state")

    def stage(self, node):
        return node._stages[0]

    def seen(self, stamp_ns):
        self.camera.send(stamp_ns // 1000, stamp_ns)
        self.ros.until(lambda: stamps(self.latents)[-1:] == [stamp_ns], "the latent")

    def planned(self, stamp_ns):
        self.ros.until(lambda: stamp_ns in stamps(self.plans), "a plan")
        return decode_plan(self.plans[-1], FRANKA)


def stamps(messages):
    return [to_ns(message.header.stamp) for message in messages]


@pytest.fixture
def bench(ros, checkpoints):
    return Bench(ros, checkpoints)


def test_pictures_and_poses_become_plans_in_the_profile_s_names(bench):
    distances = bench.ros.collect(Float32, "/pipeline/goal_distance", KEEP_ALL)
    node = bench.start(PipelineNode)
    bench.goals.send(1)
    bench.ros.until(lambda: node.diagnostic_values().get("goal") == "set", "the goal")
    bench.measured(node, 20 * STEP_NS, x=0.25, width=0.01)
    bench.seen(20 * STEP_NS + 10_000_000)
    plan = bench.planned(20 * STEP_NS)
    assert plan.stamp_ns == 20 * STEP_NS, "the oldest observation behind it is the pose"
    np.testing.assert_allclose(
        plan.times_s, [0.01, 0.51, 1.01]
    )  # from the frame on, two knots of half a second
    assert tuple(bench.plans[0].joint_names) == ("x", "y", "z", "roll", "pitch", "yaw", "gripper")
    assert (plan.rates >= FRANKA.low).all()
    assert (plan.rates <= FRANKA.high).all()
    assert plan.rates.any()
    told = node.model.pose.tolist()
    assert told == pytest.approx([0.25, 0.0, 0.3, 0.0, 0.0, 0.0, 0.75])  # a finger at 1 of 4 cm
    bench.ros.until(lambda: distances, "the distance")
    assert distances[0].data > 0.0
    assert node.status()[1] == "planning; no latent actions: this model is told the robot's own"
    assert bench.ros.node.count_publishers("latent_action") == 0


def test_the_pose_is_that_of_the_frame_not_the_newest(bench):
    node = bench.start(PipelineNode)
    bench.goals.send(1)
    bench.ros.until(lambda: node.diagnostic_values().get("goal") == "set", "the goal")
    for step in range(5):
        bench.measured(node, 20 * STEP_NS + step * 20_000_000, x=0.1 * step)
    bench.seen(20 * STEP_NS + 45_000_000)
    bench.planned(20 * STEP_NS + 40_000_000)
    assert node.model.pose[0].item() == pytest.approx(0.2)


def test_without_a_pose_there_is_no_plan_and_the_fault_names_the_topic(bench):
    statuses = bench.ros.collect(DiagnosticArray, "/pipeline/status", LATCHED)
    node = bench.start(PipelineNode, camera_timeout_s=0.2)
    bench.goals.send(1)
    bench.ros.until(lambda: node.diagnostic_values().get("goal") == "set", "the goal")
    bench.seen(20 * STEP_NS)

    def named(text):
        return lambda: any(text in array.status[0].message for array in statuses)

    bench.ros.until(named("no plan: no "), "the fault of the plan")
    bench.ros.until(named("no message for 0.2 s"), "the fault of the topic")
    assert any("/end_effector_pose" in array.status[0].message for array in statuses)
    assert bench.plans == []


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"stamp_ns": 19 * STEP_NS}, "nearest to the frame is 0.25 s older, the limit is 0.06 s"),
        ({"stamp_ns": 21 * STEP_NS}, "nearest to the frame is 0.25 s younger, the limit is 0.06 s"),
        ({"stamp_ns": 20 * STEP_NS, "w": 0.5}, "a quaternion of length 1, got"),
        ({"stamp_ns": 20 * STEP_NS, "x": float("nan")}, "needs finite numbers"),
        ({"stamp_ns": 20 * STEP_NS, "width": 0.3}, "far beyond gripper.open 0.04"),
        ({"stamp_ns": 20 * STEP_NS, "width": float("nan")}, "is at nan, far beyond"),
    ],
)
def test_a_pose_of_another_time_or_no_pose_at_all_gives_no_plan_and_a_good_one_does_again(bench, state, said):
    node = bench.start(PipelineNode)
    bench.goals.send(1)
    bench.ros.until(lambda: node.diagnostic_values().get("goal") == "set", "the goal")
    bench.measured(node, **state)
    bench.seen(20 * STEP_NS)
    bench.ros.until(lambda: said in node.faults.worst()[1], f"the fault {said!r}")
    assert "no plan: " in node.faults.worst()[1]
    assert bench.plans == []
    bench.measured(node, 22 * STEP_NS)
    bench.seen(22 * STEP_NS)
    bench.planned(22 * STEP_NS)
    bench.ros.until(lambda: not node.faults.worst()[1], "the recovery")


def test_a_driver_that_repeats_its_last_pose_gives_no_more_plans(bench):
    node = bench.start(PipelineNode)
    bench.goals.send(1)
    bench.ros.until(lambda: node.diagnostic_values().get("goal") == "set", "the goal")
    bench.measured(node, 20 * STEP_NS)
    bench.seen(20 * STEP_NS)
    bench.planned(20 * STEP_NS)
    bench.state.send(20 * STEP_NS)
    bench.seen(21 * STEP_NS)
    bench.ros.until(lambda: "is it frozen" in node.faults.worst()[1], "the fault")
    assert stamps(bench.plans) == [20 * STEP_NS]


def test_encoder_and_planner_apart_plan_too_and_the_stated_gripper_counts(bench):
    bench.start(EncoderNode, TWIST)
    node = bench.start(PlannerNode, TWIST, **{"planner.gripper": 0.9})
    bench.goals.send(1)
    bench.ros.until(lambda: node.diagnostic_values().get("goal") == "set", "the goal")
    bench.measured(node, 20 * STEP_NS)
    bench.seen(20 * STEP_NS)
    bench.ros.until(lambda: bench.plans, "a plan")
    assert tuple(bench.plans[0].joint_names) == TWIST.names
    assert node.model.pose[6].item() == pytest.approx(0.9)


def without(profile, *entries):
    return {key: value for key, value in profile.to_dict().items() if key not in entries}


@pytest.mark.parametrize(
    ("node_class", "profile", "parameters", "said"),
    [
        (LatentActionNode, None, {}, "there is nothing to do for this node: no latent actions"),
        (PipelineNode, without(FRANKA, "state"), {}, "profile franka has no topic for it: add `state:"),
        (
            PipelineNode,
            without(FRANKA, "gripper"),
            {},
            "does not say where its state comes from: add `gripper:",
        ),
        (PlannerNode, None, {"planner.context_frames": 2}, "planner.context_frames must be 1, got 2"),
        (PlannerNode, None, {"planner.method": "categorical"}, "needs a discrete bottleneck"),
        (PipelineNode, load_profile("arm").to_dict(), {}, "which differs from profile 'arm'"),
    ],
)
def test_what_does_not_fit_the_model_fails_at_configure(
    ros, checkpoints, tmp_path, node_class, profile, parameters, said
):
    path = tmp_path / "robot.yaml"
    path.write_text(yaml.safe_dump(profile or FRANKA.to_dict()))
    node = ros.start(node_class, {"profile": str(path), "checkpoint": checkpoints["franka"], **parameters})
    assert not ros.change_state(f"/{node.get_name()}", "configure")
    assert said in node.status()[1]


def test_a_bf16_checkpoint_is_planned_with_in_bf16_and_not_in_fp32(bench, tmp_path):
    bench.checkpoints = {"franka": write_action_conditioned(tmp_path, FRANKA, precision="bfloat16")}
    node = bench.start(PipelineNode)
    assert node.model.precisions == (torch.bfloat16,)
    bench.goals.send(1)
    bench.ros.until(lambda: node.diagnostic_values().get("goal") == "set", "the goal")
    bench.measured(node, 20 * STEP_NS)
    bench.seen(20 * STEP_NS)
    assert np.isfinite(bench.planned(20 * STEP_NS).rates).all()
    bench.ros.stop(node)
    node = bench.ros.start(
        PipelineNode,
        {"profile": "franka", "checkpoint": bench.checkpoints["franka"], "planner.precision": "fp32"},
    )
    assert not bench.ros.change_state("/pipeline", "configure")
    assert "this checkpoint is of bf16" in node.status()[1]
