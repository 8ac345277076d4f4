"""The pipeline node from camera topic to plan, with a real model of random weights."""

import threading

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
import yaml
from camera_harness import Camera, CompressedCamera, Goals, image_message, picture
from checkpoint_harness import write_checkpoint
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.qos import QoSProfile
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image
from std_msgs.msg import Float32
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory
from visualization_msgs.msg import Marker, MarkerArray

from wm_ros.messages.plan import decode_plan
from wm_ros.messages.stamp import fill_stamp, to_ns
from wm_ros.messages.tensor import decode_tensor
from wm_ros.models.checkpoint import load_checkpoint
from wm_ros.nodes import model_node
from wm_ros.nodes.pipeline_node import PipelineNode
from wm_ros.nodes.planner_parameters import planner_options
from wm_ros.planning.options import PlannerOptions
from wm_ros.robots.profile import load_profile, profile_from_dict
from wm_ros.ros.qos import LATCHED
from wm_ros.stages.encode import Encode

ARM = load_profile("arm")
STEP_NS = round(1e9 * ARM.model_dt)
QUICK = {"planner.batch_size": 16, "planner.elites": 4, "planner.iteration_count": 2}
KEEP_ALL = QoSProfile(depth=100)


class Bench:
    """A pipeline node with a camera and a goal publisher in front and ears behind."""

    def __init__(self, ros, checkpoint):
        self.ros = ros
        self.checkpoint = checkpoint
        self.camera = Camera(ros)
        self.goals = Goals(ros)
        self.latents = ros.collect(Image, "latent", KEEP_ALL)
        self.actions = ros.collect(Image, "latent_action", KEEP_ALL)
        self.plans = ros.collect(JointTrajectory, "plan", KEEP_ALL)
        self.statuses = ros.collect(DiagnosticArray, "/pipeline/status", LATCHED)

    def start(self, **parameters):
        """An active node; dots in parameter names are written as two underscores."""
        named = {name.replace("__", "."): value for name, value in parameters.items()}
        options = {"autostart": True, "checkpoint": self.checkpoint, **QUICK, **named}
        self.node = self.ros.start(PipelineNode, options)
        self.ros.until(lambda: self.node.state == "active", "the pipeline to be active")
        return self.node

    def show(self, frame, stamp_ns=None):
        """Show the camera a picture and wait for its latent; returns the stamp."""
        stamp_ns = self.camera.send(frame, stamp_ns)
        self.ros.until(lambda: stamp_ns in stamps(self.latents), "the frame's latent")
        return stamp_ns

    def set_goal(self, seed):
        self.goals.send(seed)
        self.status(DiagnosticStatus.OK, "planning")

    def plan(self, stamp_ns):
        self.ros.until(lambda: stamp_ns in stamps(self.plans), "the frame's plan")
        return next(plan for plan in self.plans if to_ns(plan.header.stamp) == stamp_ns)

    def status(self, level, text):
        """Wait until the node says so, from now on."""
        self.statuses.clear()

        def found():
            newest = self.statuses[-1].status[0] if self.statuses else None
            return newest if newest and newest.level == level and text in newest.message else None

        return self.ros.until(found, f"a status with {text!r}")

    def diagnostic_values(self):
        self.node.publish_status()
        return self.node.diagnostic_values()


def stamps(messages):
    return [to_ns(message.header.stamp) for message in messages]


@pytest.fixture
def bench(ros, checkpoint):
    return Bench(ros, checkpoint)


def test_each_frame_becomes_a_latent_under_its_own_header(bench):
    bench.start()
    stamp = bench.show(7)
    message = bench.latents[0]
    assert (to_ns(message.header.stamp), message.header.frame_id) == (stamp, "camera")
    expected = Encode(load_checkpoint(bench.checkpoint))(picture(7))
    np.testing.assert_allclose(decode_tensor(message), expected.numpy(), rtol=1e-5, atol=1e-6)


def test_a_latent_action_joins_frames_one_model_step_apart(bench):
    bench.start(max_image_age_s=0.0)
    bench.show(1, 10 * STEP_NS)
    bench.show(2, 11 * STEP_NS)
    bench.ros.until(lambda: bench.actions, "a latent action")
    assert stamps(bench.actions) == [11 * STEP_NS]
    model = load_checkpoint(bench.checkpoint)
    before, after = (Encode(model)(picture(seed))[None] for seed in (1, 2))
    with torch.inference_mode():
        expected = model.infer(before, after)
    np.testing.assert_allclose(decode_tensor(bench.actions[0]), expected.numpy(), rtol=1e-4, atol=1e-6)


def test_no_plan_without_a_goal_and_a_plan_within_the_limits_with_one(bench):
    distances = bench.ros.collect(Float32, "/pipeline/goal_distance", KEEP_ALL)
    bench.start()
    bench.show(1)
    status = bench.status(DiagnosticStatus.OK, "no goal")
    assert "/goal_image or call /pipeline/capture_goal" in status.message
    assert bench.plans == []
    bench.set_goal(2)
    stamp = bench.show(3)
    plan = decode_plan(bench.plan(stamp), ARM)
    assert plan.stamp_ns == stamp, "a plan carries the stamp of the observation behind it"
    assert (plan.rates >= ARM.low).all()
    assert (plan.rates <= ARM.high).all()
    assert plan.rates.any()
    bench.ros.until(lambda: distances, "the distance")
    assert distances[0].data > 0.0


def test_a_goal_published_before_the_node_started_counts(bench):
    bench.goals.send(2)
    bench.start()
    bench.status(DiagnosticStatus.OK, "waiting for the first frame")
    bench.show(1)
    bench.status(DiagnosticStatus.OK, "planning")


def test_the_same_frames_give_the_same_plans(bench):
    bench.goals.send(2)
    plans = []
    for _ in range(2):
        node = bench.start(max_image_age_s=0.0)
        bench.ros.until(lambda: bench.diagnostic_values()["goal"] == "set", "the latched goal")
        bench.plans.clear()
        plans.append(
            [decode_plan(bench.plan(bench.show(seed, seed * STEP_NS)), ARM).rates for seed in (1, 2)]
        )
        bench.ros.stop(node)
    np.testing.assert_array_equal(plans[0], plans[1])


def test_capture_goal_takes_the_frame_seen_now(bench):
    distances = bench.ros.collect(Float32, "/pipeline/goal_distance", KEEP_ALL)
    bench.start()
    answer = bench.ros.call(Trigger, "/pipeline/capture_goal")
    assert not answer.success
    assert "no frame on /image to capture" in answer.message
    stamp = bench.show(5)
    answer = bench.ros.call(Trigger, "/pipeline/capture_goal")
    assert answer.success
    assert f"{stamp * 1e-9:.3f}" in answer.message
    bench.show(5)
    bench.ros.until(lambda: len(distances) == 1, "the distance of the same picture")
    assert distances[0].data == pytest.approx(0.0, abs=2e-3)  # smooth at zero
    bench.show(6, stamp + 10**9)
    bench.ros.until(lambda: len(distances) == 2, "the distance of another picture")
    assert distances[1].data > 2.0 * distances[0].data


def test_reset_forgets_the_goal(bench):
    bench.start()
    bench.show(1)
    bench.set_goal(2)
    bench.plan(bench.show(3))
    assert bench.ros.call(Trigger, "/pipeline/reset").success
    bench.status(DiagnosticStatus.OK, "no goal")
    plans = len(bench.plans)
    bench.show(4)
    assert len(bench.plans) == plans


@pytest.mark.parametrize(
    ("camera_hz", "expected"), [(30.0, range(9, 12)), (10.5, range(10, 12)), (5.0, range(5, 6))]
)
def test_plans_come_at_most_at_their_rate(bench, camera_hz, expected):
    bench.start(max_image_age_s=0.0, planner__rate_hz=10.0)
    first = 100 * 10**9
    bench.show(1, first - 10**8)
    bench.set_goal(2)
    for index in range(round(camera_hz)):
        bench.show(index, first + round(index * 1e9 / camera_hz))
    bench.ros.until(lambda: len(bench.plans) >= expected.start, "the plans of a second")
    assert len(bench.plans) in expected


def test_an_unknown_encoding_is_an_error_that_names_the_fix_and_the_node_recovers(bench):
    bench.start()
    stamp = bench.show(1)
    broken = image_message(picture(1), stamp + 1)
    broken.encoding = "rgb9"
    bench.camera.publish(broken)
    status = bench.status(DiagnosticStatus.ERROR, "unknown image encoding 'rgb9'")
    assert "Set the camera driver" in status.message
    bench.show(2)
    bench.status(DiagnosticStatus.OK, "no goal")
    assert bench.diagnostic_values()["dropped_undecodable"] == 1


def test_a_truncated_image_is_an_error_and_never_a_plan(bench):
    bench.start()
    stamp = bench.show(1)
    bench.set_goal(2)
    truncated = image_message(picture(1), stamp + STEP_NS // 2)
    truncated.data = truncated.data[:100]
    fill_stamp(truncated.header.stamp, bench.ros.node.get_clock().now().nanoseconds)
    bench.camera.publish(truncated)
    bench.status(DiagnosticStatus.ERROR, "100 bytes of data, expected")
    assert to_ns(truncated.header.stamp) not in stamps(bench.latents) + stamps(bench.plans)


def test_a_camera_that_changes_its_size_is_an_error_and_never_a_plan(bench):
    bench.start()
    bench.show(1)
    bench.set_goal(seed=3)
    stamp = bench.camera.send(picture(2, 96, 64))
    bench.status(
        DiagnosticStatus.ERROR, "the camera changed from 64x48 to 64x96 pixels: set its resolution back"
    )
    assert stamp not in stamps(bench.plans)
    bench.plan(bench.show(4))


def test_a_camera_with_noise_that_freezes_gives_no_more_plans(bench, tmp_path):
    profile = ARM.to_dict()
    profile["camera"]["noise"] = True
    path = tmp_path / "robot.yaml"
    path.write_text(yaml.safe_dump(profile))
    bench.start(profile=str(path), camera_timeout_s=0.3)
    bench.show(0)
    bench.set_goal(seed=3)
    bench.plan(bench.show(1))
    planned = len(bench.plans)

    def frozen():
        bench.camera.send(1)
        return any("are the same, bit for bit" in a.status[0].message for a in bench.statuses)

    bench.ros.until(frozen, "the frozen camera to be named")
    assert len(bench.plans) == planned
    bench.plan(bench.show(2))


def test_a_goal_that_cannot_be_read_ends_the_old_one(bench):
    bench.start()
    bench.show(1)
    bench.set_goal(2)
    broken = image_message(picture(3))
    broken.encoding = "rgb9"
    bench.goals.publish(broken)
    bench.status(DiagnosticStatus.ERROR, "unknown image encoding 'rgb9'")
    plans = len(bench.plans)
    bench.show(4)
    assert len(bench.plans) == plans


def test_a_volatile_goal_publisher_is_told_what_to_change(bench):
    bench.start()
    bench.ros.node.create_publisher(Image, "goal_image", 1)
    bench.status(DiagnosticStatus.WARN, "transient local")


def test_no_camera(bench):
    bench.ros.node.destroy_publisher(bench.camera._publisher)
    bench.start(camera_timeout_s=0.2)
    status = bench.status(DiagnosticStatus.ERROR, "no publisher on /image")
    assert "remap `image`, start the camera" in status.message


def test_the_compressed_transport(bench):
    camera = CompressedCamera(bench.ros)
    bench.start(image_transport="compressed")
    stamp = camera.send(3)
    bench.ros.until(lambda: stamps(bench.latents) == [stamp], "the latent of a compressed frame")


def test_a_remapped_camera_moves_its_compressed_topic_too(bench):
    camera = CompressedCamera(bench.ros, "/front/image_raw")
    options = {"autostart": True, "checkpoint": bench.checkpoint, "image_transport": "compressed"}
    node = bench.ros.start(PipelineNode, options, cli_args=["--ros-args", "-r", "image:=/front/image_raw"])
    bench.ros.until(lambda: node.state == "active", "the pipeline to be active")
    assert node.stream.topic == "/front/image_raw/compressed"
    stamp = camera.send(3)
    bench.ros.until(lambda: stamps(bench.latents) == [stamp], "the latent of a compressed frame")


def test_an_inactive_node_hears_and_says_nothing_and_forgets_its_goal(bench):
    node = bench.start()
    bench.show(1)
    assert bench.ros.call(Trigger, "/pipeline/capture_goal").success
    bench.status(DiagnosticStatus.OK, "planning")
    assert bench.ros.change_state("/pipeline", "deactivate")
    assert bench.ros.node.count_subscribers("/image") == 0
    answer = bench.ros.call(Trigger, "/pipeline/capture_goal")
    assert not answer.success
    assert "activate it first" in answer.message
    assert bench.ros.change_state("/pipeline", "activate")
    bench.show(2)
    bench.status(DiagnosticStatus.OK, "no goal")
    assert bench.plans == []
    assert bench.ros.change_state("/pipeline", "deactivate")
    assert bench.ros.change_state("/pipeline", "cleanup")
    with pytest.raises(RuntimeError, match="unconfigured"):
        _ = node.model
    assert bench.ros.node.count_publishers("/plan") == 0
    assert bench.ros.change_state("/pipeline", "configure")


def test_candidates_are_shown_on_request(bench):
    markers = bench.ros.collect(MarkerArray, "/pipeline/candidates", KEEP_ALL)
    bench.start(visualize=True)
    bench.show(1)
    bench.set_goal(2)
    bench.show(3)
    bench.ros.until(lambda: markers, "markers")
    clear, *lines = markers[0].markers
    assert clear.action == Marker.DELETEALL
    assert len(lines) == QUICK["planner.elites"]
    assert len({marker.id for marker in lines}) == len(lines)
    assert lines[0].header.frame_id == "arm_actions"
    assert len(lines[0].points) == 1 + PlannerOptions().knots
    assert any(point.x for marker in lines for point in marker.points)


def test_simulated_time_rules_ages_and_latencies(bench):
    clock = bench.ros.node.create_publisher(Clock, "/clock", 1)
    node = bench.start(use_sim_time=True)

    def set_clock(seconds):
        message = Clock()
        message.clock.sec = seconds
        clock.publish(message)
        bench.ros.until(lambda: node.get_clock().now().nanoseconds == seconds * 10**9, "the clock")

    set_clock(1000)
    bench.show(1, 1000 * 10**9 - 5 * 10**7)
    assert bench.diagnostic_values()["camera_to_latent_ms_p50"] == "50.0"
    set_clock(1010)
    bench.camera.send(2, 1001 * 10**9)
    bench.ros.until(
        lambda: bench.diagnostic_values().get("dropped_too_old") == 1, "the old frame to be dropped"
    )


def test_time_that_starts_anew_starts_the_stages_anew(bench):
    bench.start(max_image_age_s=0.0)
    bench.show(1, 100 * STEP_NS)
    bench.set_goal(2)
    bench.plan(bench.show(3, 101 * STEP_NS))
    bench.plan(bench.show(4, 11 * STEP_NS))
    assert stamps(bench.actions) == [101 * STEP_NS]


def test_a_pipeline_slower_than_the_model_warns(ros, tmp_path):
    fast = profile_from_dict({**ARM.to_dict(), "model": {"rate_hz": 1e5}})
    path = tmp_path / "fast.yaml"
    path.write_text(str(fast.to_dict()))
    bench = Bench(ros, write_checkpoint(tmp_path / "checkpoint", fast))
    bench.start(profile=str(path))
    bench.show(1)
    status = bench.status(DiagnosticStatus.WARN, "longer than a model step")
    assert "use a smaller encoder or a faster device" in status.message
    keys = {value.key for value in status.values}
    assert {"camera_to_latent_ms_p50", "camera_to_latent_ms_p95", "received"} <= keys


def test_a_model_that_hangs_is_reported(bench, monkeypatch):
    monkeypatch.setattr(model_node, "STUCK_S", 0.1)
    bench.start(camera_timeout_s=60.0)
    bench.show(1)
    go = threading.Event()
    bench.node.enqueue("frame", go.wait)
    bench.status(DiagnosticStatus.ERROR, "its device hangs or is overloaded")
    go.set()
    bench.status(DiagnosticStatus.OK, "no goal")


def test_weights_that_break_in_memory_are_an_error_and_never_a_plan(bench):
    bench.start()
    for weight in bench.node.model.parameters():
        weight.data.fill_(float("nan"))
    bench.show(1)
    bench.goals.send(2)
    bench.camera.send(3)
    bench.status(DiagnosticStatus.ERROR, "not finite")
    assert bench.plans == []


def other_profile(**change):
    data = ARM.to_dict()
    data["action"][0].update(change)
    return profile_from_dict(data)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"max": 3.0}, "shoulder.max 3.0 against 1.5"),
        ({"name": "hip"}, "action names ['hip', 'elbow'] against"),
    ],
)
def test_a_checkpoint_of_another_robot_is_refused_with_the_difference(ros, tmp_path, change, why):
    checkpoint = write_checkpoint(tmp_path, other_profile(**change))
    node = ros.start(PipelineNode, {"checkpoint": checkpoint})
    assert not ros.change_state("/pipeline", "configure")
    assert why in node.status()[1]
    assert node.state == "unconfigured"


@pytest.mark.parametrize(
    ("parameters", "why"),
    [
        ({"checkpoint": "/nowhere/at/all"}, "/nowhere/at/all is not a folder"),
        ({"profile": "submarine"}, "no robot profile named 'submarine'"),
        ({"device": "cuda:99"}, "device 'cuda:99' cannot be used"),
        ({"planner.time_steps": 9}, "planner.time_steps must be a multiple of planner.steps_per_knot"),
        ({"planner.method": "categorical"}, "planner.method categorical needs a discrete bottleneck"),
        ({"planner.elites": 17}, "planner.elites must not exceed planner.batch_size, got 17 of 16"),
    ],
)
def test_configure_fails_with_the_reason(ros, checkpoint, parameters, why):
    node = ros.start(PipelineNode, {"checkpoint": checkpoint, **QUICK, **parameters})
    assert not ros.change_state("/pipeline", "configure")
    assert why in node.status()[1]


def test_the_planner_defaults_are_those_of_its_options(ros, checkpoint):
    node = ros.start(PipelineNode, {"checkpoint": checkpoint})
    assert ros.change_state("/pipeline", "configure")
    assert planner_options(node) == PlannerOptions()
