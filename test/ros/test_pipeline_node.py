"""The pipeline node from camera topic to plan, with a real model of random weights."""

import pytest

pytest.importorskip("torch")

import numpy as np
import torch
from camera_harness import CompressedCamera, image_message, picture
from checkpoint_harness import small_model
from diagnostic_msgs.msg import DiagnosticStatus
from pipeline_bench import ARM, KEEP_ALL, QUICK, STEP_NS, PipelineBench, stamps
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image
from std_msgs.msg import Float32
from std_srvs.srv import Trigger
from visualization_msgs.msg import Marker, MarkerArray

from wm_ros.messages.plan import decode_plan
from wm_ros.messages.stamp import to_ns
from wm_ros.messages.tensor import decode_tensor
from wm_ros.models.card import Reached
from wm_ros.models.checkpoint import load_checkpoint, save_checkpoint
from wm_ros.nodes.pipeline_node import PipelineNode
from wm_ros.nodes.planner_parameters import planner_options
from wm_ros.planning.options import PlannerOptions
from wm_ros.ros.qos import DEMONSTRATION
from wm_ros.stages.encode import Encode


@pytest.fixture
def bench(ros, checkpoint):
    return PipelineBench(ros, checkpoint)


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


def test_the_planner_defaults_are_those_of_its_options(ros, checkpoint):
    node = ros.start(PipelineNode, {"checkpoint": checkpoint})
    assert ros.change_state("/pipeline", "configure")
    assert planner_options(node) == PlannerOptions()


def test_a_goal_is_encoded_once_however_many_plans_follow(bench):
    node = bench.start(max_image_age_s=0.0)
    encode, encoded = node.model.encode, []
    node.model.encode = lambda frames: encoded.append(len(frames)) or encode(frames)
    bench.goals.send(2)
    bench.ros.until(lambda: bench.diagnostic_values()["goal"] == "set", "the goal")
    for seed in (3, 4, 5):
        bench.plan(bench.show(seed, seed * STEP_NS))
    assert encoded == [1, 1, 1, 1]


def send_demonstration(ros, count, stamp_s=5, numbers=None):
    """Frames of a demonstration, published as sequence_node does."""
    publisher = ros.node.create_publisher(Image, "demonstration", DEMONSTRATION)
    for number in numbers or range(1, count + 1):
        message = image_message(picture(number), stamp_s * 10**9)
        message.header.frame_id = f"{number}/{count}"
        publisher.publish(message)
    return publisher


def test_a_demonstration_is_followed_and_a_goal_ends_it(bench, tmp_path):
    save_checkpoint(small_model(ARM, weight=0.3, reached=Reached(1e3, 0.5, 0.1)), tmp_path / "reached")
    bench.checkpoint = str(tmp_path / "reached")
    send_demonstration(bench.ros, 3)
    bench.start(max_image_age_s=0.0)
    bench.ros.until(lambda: bench.diagnostic_values().get("goal_stamp_ns") == str(5 * 10**9), "it is taken")
    for step in range(4):
        stamp = bench.show(step, (10 + step) * STEP_NS)
        plan = decode_plan(bench.plan(stamp), ARM)
        assert plan.stamp_ns == stamp
        assert (np.abs(plan.rates) <= ARM.high).all()
        assert bench.diagnostic_values()["demonstration_frame"] == f"{min(step, 2) + 1} of 3"
    bench.set_goal(2)
    bench.ros.until(lambda: "demonstration_frame" not in bench.diagnostic_values(), "its end")


def test_a_demonstration_that_cannot_be_followed_is_said(bench):
    node = bench.start()
    kept = [send_demonstration(bench.ros, 3, numbers=[4])]
    bench.ros.until(lambda: "and this one says '4/3'" in node.status()[1], "the refusal")
    kept.append(send_demonstration(bench.ros, 2))
    bench.ros.until(lambda: "no demonstration can be imitated" in node.status()[1], "why not")
    assert bench.diagnostic_values()["goal"] == "none"
