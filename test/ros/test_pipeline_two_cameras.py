"""The pipeline of a robot with two cameras: frames of one moment, goals of both, and what is wrong with either."""

import numpy as np
import pytest

pytest.importorskip("torch")

from camera_harness import image_message, picture
from checkpoint_harness import write_checkpoint
from diagnostic_msgs.msg import DiagnosticStatus
from pipeline_bench import PipelineBench, stamps
from sensor_msgs.msg import CameraInfo, Image
from std_srvs.srv import Trigger
from two_cameras import TwoCameras, profile_file, two_cameras

from wm_ros.messages.image import decode_image
from wm_ros.messages.tensor import decode_tensor
from wm_ros.messages.views import joined
from wm_ros.models.checkpoint import load_checkpoint
from wm_ros.nodes.goal_view import GAP, LABEL
from wm_ros.nodes.pipeline_node import PipelineNode
from wm_ros.ros.qos import STREAM
from wm_ros.stages.encode import Encode

LATE_NS = 30_000_000
PROFILE = two_cameras()


@pytest.fixture
def bench(ros, tmp_path):
    found = PipelineBench(ros, write_checkpoint(tmp_path / "model", PROFILE))
    found.cameras = TwoCameras(ros, PROFILE)
    found.cameras.stop()
    found.profile_file = profile_file(tmp_path, PROFILE)
    return found


def show(bench):
    """Both cameras' next pictures until there is a latent of them; returns the stamp."""
    sent = []
    timer = bench.ros.node.create_timer(0.1, lambda: sent.append(bench.cameras.send()))
    bench.ros.until(lambda: set(sent) & set(stamps(bench.latents)), "a latent of both")
    bench.ros.node.destroy_timer(timer)
    return max(set(sent) & set(stamps(bench.latents)))


def test_a_latent_is_of_both_cameras_and_as_old_as_the_oldest(ros, bench):
    bench.start(profile=bench.profile_file)
    bench.cameras.broken["side"] = LATE_NS * 1e-9  # its stamps are later: the first camera's count
    stamp = show(bench)
    latent = next(one for one in bench.latents if stamps([one]) == [stamp])
    number = bench.cameras._shown["top"]
    assert decode_tensor(latent).shape == (2, 8)
    encode = Encode(load_checkpoint(bench.checkpoint))
    wanted = [encode(joined([picture(n), picture(1000 + n)])).numpy() for n in range(1, number + 1)]
    assert min(np.abs(decode_tensor(latent) - one).max() for one in wanted) < 1e-4
    values = bench.diagnostic_values()
    assert values["input"] == "/top/image, /side/image"
    assert values["received"] >= 1


def test_the_simulated_arm_shows_both_cameras_at_one_stamp(ros):
    pytest.importorskip("mujoco")
    from wm_ros.nodes.sim_node import SimNode

    ros.start(SimNode, {"profile": "arm_two_cameras"})
    shown = {name: ros.collect(Image, f"/{name}/image", STREAM) for name in ("top", "side")}
    infos = ros.collect(CameraInfo, "/side/camera_info")
    ros.until(lambda: all(len(messages) > 2 for messages in shown.values()) and infos, "pictures of both")
    assert set(stamps(shown["top"])) & set(stamps(shown["side"]))
    assert decode_image(shown["top"][0]).shape == decode_image(shown["side"][0]).shape == (64, 64, 3)
    assert [one[0].header.frame_id for one in shown.values()] == ["top", "side"]
    assert infos[0].k[0] > 0.0


def test_a_captured_goal_is_of_both_and_the_view_shows_it(ros, bench):
    node = bench.start(profile=bench.profile_file)
    views = ros.collect(Image, "/pipeline/view")
    ros.until(lambda: node.count_subscribers("/pipeline/view"), "the subscription")
    assert not ros.call(Trigger, "/pipeline/capture_goal").success
    show(bench)
    assert ros.call(Trigger, "/pipeline/capture_goal").success
    ros.until(lambda: node.goal is not None, "the goal")
    show(bench)

    def goals_shown():
        """The left halves of views, where a goal is no longer grey."""
        pictures = [decode_image(view)[LABEL:] for view in views]
        halves = [shown[::5, : (shown.shape[1] - GAP) // 2 : 5] for shown in pictures]
        return [half for half in halves if np.unique(half).size > 1]

    goal = ros.until(goals_shown, "a view with a goal")[0]
    assert goal.shape == (48, 96, 3)
    numbers = range(1, bench.cameras._shown["top"] + 1)
    assert any((goal == joined([picture(n), picture(1000 + n)])).all() for n in numbers)
    ros.until(lambda: bench.plans, "a plan")


def test_a_goal_of_one_camera_is_refused_and_ends_the_one_before(ros, bench):
    node = bench.start(profile=bench.profile_file)
    bench.goals.publish(image_message(joined([picture(1), picture(2)])))
    ros.until(lambda: node.goal is not None, "the goal")
    bench.goals.publish(image_message(picture(3)))
    bench.status(DiagnosticStatus.ERROR, "96x48 at this height, and this one is 64x48")
    assert node.goal is None


def test_what_is_wrong_with_either_camera_is_said(ros, bench):
    bench.start(profile=bench.profile_file, camera_timeout_s=0.3)
    bench.status(DiagnosticStatus.ERROR, "no message for 0.3 s")
    timer = ros.node.create_timer(0.05, bench.cameras.send)
    bench.status(DiagnosticStatus.OK, "no goal")
    for fault, said in (
        ("dead", "publisher(s) on /side/image but no message"),
        ("frozen", "/side/image are the same, bit for bit"),
        (0.6, "s apart or more, the limit is 0.05 s"),
    ):
        bench.cameras.broken["side"] = fault
        bench.status(DiagnosticStatus.ERROR, said)
        bench.ros.until(lambda: bench.node.stream.newest is None, "no frame to capture")
        bench.cameras.broken.clear()
        bench.status(DiagnosticStatus.OK, "no goal")
    ros.node.destroy_timer(timer)


def test_two_cameras_on_one_topic_are_refused(ros, bench):
    remapped = ["--ros-args", "-r", "side/image:=top/image"]
    node = ros.start(
        PipelineNode,
        {"profile": bench.profile_file, "checkpoint": bench.checkpoint, "autostart": True},
        cli_args=remapped,
    )
    ros.until(lambda: node.state == "inactive" and node.faults, "the node to stay inactive")
    bench.node = node
    ros.until(
        lambda: any("one camera seen twice" in s.message for a in bench.statuses for s in a.status),
        "the reason",
    )
