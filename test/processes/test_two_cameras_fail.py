"""Two cameras, a pipeline and a guard as processes: whatever ends one camera's pictures stops the robot."""

import json

import numpy as np
import pytest
import yaml

pytest.importorskip("torch")

from camera_harness import image_message, picture
from checkpoint_harness import write_checkpoint
from diagnostic_msgs.msg import DiagnosticArray
from guard_rig import Rig
from sensor_msgs.msg import Image
from trajectory_msgs.msg import JointTrajectory
from two_cameras import TwoCameras, profile_file, two_cameras

from wm_ros.ros.qos import LATCHED

AGE_S = 2.0  # a busy machine must not stop the robot before the fault does


@pytest.fixture
def stack(ros, processes, tmp_path):
    """Pipeline and guard of a robot with two cameras, with a goal, not armed yet."""
    profile = two_cameras()
    file = profile_file(tmp_path, profile)
    rig, cameras = Rig(ros, profile), TwoCameras(ros, profile)
    goals = ros.node.create_publisher(Image, "goal_image", LATCHED)
    goals.publish(image_message(picture(1, 48, 96)))
    pipeline = {
        "profile": file,
        "autostart": True,
        "checkpoint": write_checkpoint(tmp_path / "model", profile),
        "planner.batch_size": 8,
        "planner.elites": 4,
        "planner.iteration_count": 1,
    }
    processes.start("wm_ros.nodes.pipeline_node", pipeline)
    guard = {"autostart": True, "enable_control": True, "profile": file, "max_observation_age_s": AGE_S}
    processes.start("wm_ros.nodes.guard_node", guard)
    return rig, cameras


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("dead", "/side/image but no message"),
        ("frozen", "frames on /side/image are the same, bit for bit"),
        (0.6, "s apart or more, the limit is 0.05 s"),
    ],
)
def test_the_robot_stops_when_the_second_camera(ros, stack, fault, said):
    rig, cameras = stack
    statuses = ros.collect(DiagnosticArray, "/pipeline/status", LATCHED)
    rig.until_status("idle: call ~/start")
    rig.start()
    ros.until(lambda: len(rig.commands) > 20 and np.any(rig.commands[-1]), "a robot that moves")
    cameras.broken["side"] = fault
    ros.until(
        lambda: any(said in status.message for array in statuses for status in array.status),
        f"the pipeline to say {said!r}",
    )
    rig.until_silent()
    rig.check_stop()
    rig.until_status("observation too old")
    del cameras.broken["side"]  # and goes on when it is back: the guard has not latched
    count = len(rig.commands)
    rig.start()
    ros.until(lambda: len(rig.commands) > count + 20 and np.any(rig.commands[-1]), "motion again")


def test_nothing_moves_while_the_second_camera_has_never_been_there(ros, stack):
    rig, cameras = stack
    cameras.broken["side"] = "dead"
    plans = ros.collect(JointTrajectory, "plan", 10)
    rig.until_status("idle: call ~/start")
    rig.start()
    statuses = ros.collect(DiagnosticArray, "/pipeline/status", LATCHED)

    def said():
        texts = [status.message for array in statuses for status in array.status]
        return any("/side/image" in text for text in texts)

    ros.until(said, "the pipeline to name the camera")
    assert not plans
    assert not np.any(rig.commands)


def test_a_bag_of_both_is_played_and_the_second_camera_fails_in_it(command, domain, tmp_path):
    pytest.importorskip("mujoco")
    pytest.importorskip("matplotlib")
    from wm_ros.tasks.record import record_sim

    profile = two_cameras(noise=False)
    record_sim(profile, tmp_path / "bag", episodes=1, seconds=4.0)
    fault = {"kind": "dead", "at_s": 1.2, "for_s": 1.5, "camera": "side"}
    (tmp_path / "faults.yaml").write_text(yaml.safe_dump({"faults": [fault]}))
    quick = {"planner.batch_size": 8, "planner.iteration_count": 1}
    nodes = {"pipeline": quick, "guard": {"max_observation_age_s": 0.8}}
    parameters = {f"/**/{node}": {"ros__parameters": values} for node, values in nodes.items()}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(parameters))
    model = write_checkpoint(tmp_path / "model", profile)
    options = ("--profile", profile_file(tmp_path, profile), "--checkpoint", model, "--out", "out")
    options += ("--faults", "faults.yaml", "--goal-after", "1", "--params", "params.yaml")
    process = command(
        "replay", tmp_path / "bag", *options, "--rate", "0.2", "--domain", domain
    )  # a busy machine keeps up
    output, _ = process.communicate()
    assert process.returncode == 0, output
    report = json.loads((tmp_path / "out" / "replay.json").read_text())
    assert report["topics"]["camera"] == "/top/image, /side/image"
    assert report["frames"]["encoded"] > 0
    reaction = report["faults"][0]["reaction"]
    assert reaction["reason"].startswith("observation too old")
    assert reaction["held_pct"] == 100.0
    assert reaction["time_to_resume_s"] > 0.0
