"""What the pipeline node reports and refuses: broken images, goals, models, checkpoints and parameters."""

import pytest

pytest.importorskip("torch")

import threading

import yaml
from camera_harness import image_message, picture
from checkpoint_harness import write_checkpoint
from diagnostic_msgs.msg import DiagnosticStatus
from pipeline_bench import ARM, QUICK, STEP_NS, PipelineBench, stamps
from sensor_msgs.msg import Image

from wm_ros.messages.stamp import fill_stamp, to_ns
from wm_ros.nodes import model_node
from wm_ros.nodes.pipeline_node import PipelineNode
from wm_ros.robots.profile import profile_from_dict


@pytest.fixture
def bench(ros, checkpoint):
    return PipelineBench(ros, checkpoint)


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


def test_a_pipeline_slower_than_the_model_warns(ros, tmp_path):
    fast = profile_from_dict({**ARM.to_dict(), "model": {"rate_hz": 1e5}})
    path = tmp_path / "fast.yaml"
    path.write_text(str(fast.to_dict()))
    bench = PipelineBench(ros, write_checkpoint(tmp_path / "checkpoint", fast))
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
