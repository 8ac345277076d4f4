"""`wm_ros record` on a live robot: the embedded one, as a process of its own, over DDS."""

import signal
import subprocess
from functools import partial

import numpy as np
import pytest
from std_msgs.msg import Float64MultiArray

from wm_ros.data.load import load_recording
from wm_ros.robots.profile import load_profile
from wm_ros.safety.command_checks import commands_out_of_limits

pytest.importorskip("mujoco")

SIM = "wm_ros.nodes.sim_node"
COMMANDS = "joint_velocity_controller/commands"


@pytest.fixture
def profile():
    return load_profile("arm")


@pytest.fixture
def record(command):
    """Starts `wm_ros record` into tmp_path/bag."""
    return partial(command, "record", "--out", "bag", stderr=subprocess.PIPE)


def test_exploring_moves_the_robot_within_its_limits(ros, processes, record, profile, tmp_path):
    sent = ros.collect(Float64MultiArray, COMMANDS, 1000)
    processes.start(SIM)
    recorder = record("--explore", "--episodes", "2", "--seconds", "2", "--excursion", "0.4")
    ros.until(lambda: recorder.poll() is not None, "the end of the recording")
    _, errors = recorder.communicate()
    assert recorder.returncode == 0, errors
    recording = load_recording(tmp_path / "bag", profile)
    assert len(recording.episodes) == 2
    assert 35 <= len(recording.frames) <= 100
    vectors = recording.commands.vectors
    assert np.abs(vectors).max() > 0.1
    assert commands_out_of_limits(vectors, profile) == 0
    assert not vectors[-1].any()
    # What was recorded is what the robot was sent; at the very start we may not have been listening yet.
    later = {tuple(vector) for vector in vectors[len(vectors) // 2 :]}
    ros.until(lambda: later <= {tuple(message.data) for message in sent}, "all recorded commands")
    travelled = np.cumsum(vectors, axis=0) / profile.command.rate_hz
    assert np.abs(travelled).max() < 0.4 + 0.15  # the guard's ramps come on top of the bound


def test_ctrl_c_stops_the_robot_and_leaves_a_whole_bag(ros, processes, record, profile, tmp_path):
    sent = ros.collect(Float64MultiArray, COMMANDS, 200)
    processes.start(SIM)
    recorder = record("--explore", "--seconds", "60")
    ros.until(lambda: any(np.any(message.data) for message in sent), "motion")
    recorder.send_signal(signal.SIGINT)
    ros.until(lambda: recorder.poll() is not None, "the end of the recording")
    assert recorder.returncode == 0, recorder.communicate()
    assert not any(sent[-1].data)
    assert (tmp_path / "bag" / "metadata.yaml").is_file()
    assert load_recording(tmp_path / "bag", profile).notes == ()
    ros.until(lambda: ros.node.count_publishers(COMMANDS) == 0, "the guard to be gone")


def test_without_explore_it_only_watches(ros, processes, record, profile, tmp_path):
    processes.start(SIM)
    driver = ros.node.create_publisher(Float64MultiArray, COMMANDS, 1)
    ros.node.create_timer(0.02, lambda: driver.publish(Float64MultiArray(data=[0.3, 0.0])))
    recorder = record("--episodes", "1", "--seconds", "3")
    ros.until(lambda: recorder.poll() is not None, "the end of the recording")
    assert recorder.returncode == 0, recorder.communicate()
    vectors = load_recording(tmp_path / "bag", profile).commands.vectors
    assert len(vectors) > 50
    np.testing.assert_array_equal(vectors, np.broadcast_to([0.3, 0.0], vectors.shape))


def test_a_live_recording_can_be_a_lerobot_set(processes, called, profile, tmp_path):
    processes.start(SIM)
    arguments = ("--explore", "--episodes", "2", "--seconds", "2", "--format", "lerobot", "--task", "wave")
    code, output = called("record", "--out", "set", *arguments)
    assert code == 0, output
    assert not (tmp_path / "set.bag").exists()
    recording = load_recording(tmp_path / "set", profile)
    assert len(recording.episodes) == 2
    assert 35 <= len(recording.frames) <= 100
    vectors = recording.commands.vectors  # means over a row each
    assert np.abs(vectors).max() > 0.1
    assert ((profile.low <= vectors) & (vectors <= profile.high)).all()


def test_a_robot_that_is_driven_already_is_not_explored(ros, processes, called):
    processes.start(SIM)
    ros.node.create_publisher(Float64MultiArray, COMMANDS, 1)
    code, errors = called("record", "--out", "bag", "--explore", "--episodes", "1")
    assert code == 1
    assert "the robot is driven already" in errors
    assert COMMANDS in errors


def test_no_camera_is_told_with_the_topics_there_are(ros, called, monkeypatch):
    monkeypatch.setattr("wm_ros.runs.record.DISCOVERY_S", 2.0)
    ros.node.create_publisher(Float64MultiArray, "elsewhere", 1)
    for _ in range(3):  # a busy machine may take longer to find a topic than is waited for here
        code, errors = called("record", "--out", "bag", "--episodes", "1")
        assert code == 1
        assert "nobody publishes image; topics there are: /diagnostics, /" in errors
        if "/elsewhere" in errors:
            return
    raise AssertionError(errors)
