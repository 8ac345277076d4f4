"""`wm_ros drive` as a user starts it, with the packaged arm over real topics."""

import json
import os
import re
import signal
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("mujoco")
pytest.importorskip("torch")
pytest.importorskip("rosbags")

from checkpoint_harness import write_checkpoint
from diagnostic_msgs.msg import DiagnosticArray
from goal_scene import ARM, PATIENT_GUARD, PATIENT_PIPELINE, SCENE, write_goals
from process_harness import gone, nodes_of
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from std_srvs.srv import Trigger
from typer.testing import CliRunner
from video_makers import write_video

from wm_ros.cli import app
from wm_ros.data.load import load_recording
from wm_ros.messages.command import read_command
from wm_ros.ros.qos import LATCHED
from wm_ros.runs.goal_pictures import GoalError, Spacing, demonstration_pictures, goal_pictures
from wm_ros.safety.command_checks import commands_out_of_limits
from wm_ros.tasks.record import record_sim
from wm_ros.tasks.simulated import simulated

COMMANDS = ARM.command.topic


@pytest.fixture
def goals(tmp_path):
    """Folder of three goal pictures in the scene, and where the joints are in them."""
    return tmp_path / "goals", write_goals(tmp_path / "goals")


@pytest.fixture
def drive(command, domain, tmp_path, patient):
    """Starts `wm_ros drive --sim` in the scene."""
    return partial(
        command, "drive", "--sim", "--seed", SCENE, "--domain", domain, "--params", patient, "--goals"
    )


@pytest.fixture
def patient(tmp_path):
    return write_parameters(tmp_path)


def write_parameters(folder, **guard):
    """The nodes' parameter file, with other parameters of the guard."""
    sections = {"pipeline": PATIENT_PIPELINE, "guard": {**PATIENT_GUARD, **guard}}
    path = folder / "patient.yaml"
    path.write_text(
        json.dumps({f"/**/{node}": {"ros__parameters": values} for node, values in sections.items()})
    )
    return path


def summary(tmp_path):
    return json.loads((tmp_path / "drive" / "drive.json").read_text())


def test_three_pictures_are_reached_one_after_the_other_and_the_robot_stands(ros, drive, goals, tmp_path):
    folder, poses = goals
    write_parameters(tmp_path, stop_hold_s=4.0)  # for it must not stop before the end
    sent = ros.collect(Float64MultiArray, COMMANDS, 1000)
    process = drive(folder, "--enable-control", "--limit", "120", "--record", "bag")
    ros.until(lambda: process.poll() is not None, "the end of the drive")
    output, _ = process.communicate()
    assert process.returncode == 0, output
    found = summary(tmp_path)
    assert [goal["outcome"] for goal in found["goals"]] == ["reached"] * 3
    assert (found["count"], found["reached"], found["control"]) == (3, 3, "on")
    assert "3 of 3 goals reached" in output
    vectors = np.array([read_command(message, ARM) for message in sent])
    assert np.abs(vectors).max() > 0.1
    assert commands_out_of_limits(vectors, ARM) == 0
    assert not vectors[-1].any()
    # The bag is a recording like others, with goals and stops beside it.
    recording = load_recording(tmp_path / "bag", ARM)
    assert commands_out_of_limits(recording.commands.vectors, ARM) == 0
    assert recording.notes == ()
    counts = dict(load_topics(tmp_path / "bag"))
    assert counts["/goal_image"] == 3
    assert min(counts[name] for name in ("/plan", "/guard/status", "/sequence/status")) > 3
    off = (last_joints(tmp_path / "bag") - poses[-1]) / (ARM.high * ARM.model_dt)
    assert np.linalg.norm(off) < 1.0, "in model steps at full rate; reached is .59"


def load_topics(bag):
    """Topics of a bag with their numbers of messages."""
    from rosbags.rosbag2 import Reader

    with Reader(bag) as reader:
        return [(connection.topic, connection.msgcount) for connection in reader.connections]


def last_joints(bag):
    """The joint angles [2] that a bag ends with."""
    from rosbags.rosbag2 import Reader
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS2_JAZZY)
    with Reader(bag) as reader:
        wanted = [connection for connection in reader.connections if connection.topic == "/joint_states"]
        *_, (_, _, data) = reader.messages(wanted)
    return np.array(store.deserialize_cdr(data, "sensor_msgs/msg/JointState").position)


def test_without_the_option_nothing_moves_and_the_goals_run_out_of_time(ros, drive, goals, tmp_path):
    folder, _ = goals
    sent = ros.collect(Float64MultiArray, COMMANDS, 1000)
    process = drive(folder, "--limit", "1")
    ros.until(lambda: process.poll() is not None, "the end of the drive")
    output, _ = process.communicate()
    assert process.returncode == 1, output
    assert "dry run: nothing is sent to the robot" in output
    assert [goal["outcome"] for goal in summary(tmp_path)["goals"]] == ["not in time"] * 3
    assert not sent


def moving(sent):
    return any(np.any(message.data) for message in sent)


def test_a_sequence_that_is_killed_ends_the_drive_with_a_stop(ros, drive, goals):
    sent = ros.collect(Float64MultiArray, COMMANDS, 1000)
    process = drive(goals[0], "--enable-control", "--limit", "120", "--hold", "60")
    ros.until(lambda: moving(sent), "motion")
    nodes = nodes_of(process)
    os.kill(nodes["sequence_node"], signal.SIGKILL)
    ros.until(lambda: process.poll() is not None, "the end of the drive")
    output, _ = process.communicate()
    assert process.returncode == 1
    assert "sequence_node ended with code -9" in output
    assert not any(sent[-1].data)
    assert all(gone(number) for number in nodes.values())


def test_stopped_by_service_it_goes_on_and_ctrl_c_leaves_a_robot_that_stands(ros, drive, goals):
    sent = ros.collect(Float64MultiArray, COMMANDS, 1000)
    reports = ros.collect(DiagnosticArray, "guard/status", LATCHED)

    def guard():
        values = {entry.key: entry.value for entry in reports[-1].status[0].values} if reports else {}
        return values.get("guard")

    process = drive(goals[0], "--enable-control", "--limit", "120", "--hold", "60")
    ros.until(lambda: moving(sent), "motion")
    nodes = nodes_of(process)
    assert ros.call(Trigger, "/sequence/stop").success
    ros.until(lambda: guard() == "stopped", "the stop")
    assert process.poll() is None
    assert not any(sent[-1].data)
    assert ros.call(Trigger, "/sequence/start").success
    ros.until(lambda: guard() == "active", "the robot to go on")
    process.send_signal(signal.SIGINT)
    ended(ros, process, nodes, sent)
    assert process.returncode == 130


def test_a_drive_that_is_killed_leaves_a_robot_that_stands(ros, drive, goals):
    sent = ros.collect(Float64MultiArray, COMMANDS, 1000)
    process = drive(goals[0], "--enable-control", "--limit", "120", "--hold", "60")
    ros.until(lambda: moving(sent), "motion")
    nodes = nodes_of(process)
    process.kill()
    ended(ros, process, nodes, sent)


def ended(ros, process, nodes, sent):
    """Wait for the end of a drive and of its nodes; the last command was zero."""
    ros.until(lambda: process.poll() is not None, "the end of the drive")
    ros.until(lambda: all(gone(node) for node in nodes.values()), "the end of the nodes")
    ros.until(lambda: not any(sent[-1].data), "zeros")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("empty", "empty is empty: put goal pictures into it"),
        ("goals", r"2\.png has 32x32 pixels and 0\.png has 64x64"),
        ("broken", r"1\.png cannot be read"),
        ("text", r"is no recording: .* Goals can also be a folder of pictures"),
    ],
)
def test_goals_that_cannot_be_used_are_refused_before_anything_starts(
    goals, tmp_path, monkeypatch, name, said
):
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("goals/2.png", np.zeros((32, 32, 3), np.uint8))
    for folder in ("empty", "broken", "text"):
        Path(folder).mkdir()
    Path("broken/1.png").write_bytes(b"no picture")
    Path("text/notes.txt").write_text("nothing")
    result = CliRunner().invoke(app, ["drive", "--sim", "--goals", name])
    assert isinstance(result.exception, GoalError)
    assert re.search(said, str(result.exception))
    assert not Path("drive/logs").exists()


def test_pictures_of_others_are_not_overwritten(goals, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = {path.name: path.read_bytes() for path in goals[0].iterdir()}
    result = CliRunner().invoke(app, ["drive", "--sim", "--goals", "goals", "--out", "."])
    assert "goals holds 0.png, which is not from here: give another --out" in str(result.exception)
    assert {path.name: path.read_bytes() for path in goals[0].iterdir()} == before


def test_goals_that_are_not_there_are_wrong_usage(tmp_path):
    result = CliRunner().invoke(app, ["drive", "--goals", str(tmp_path / "nowhere")])
    assert result.exit_code == 2
    assert "there is nothing at" in result.output


def test_frames_of_a_bag_become_goals_by_how_far_they_are_apart(tmp_path):
    record_sim(ARM, tmp_path / "bag", episodes=2, seconds=10.0)
    spacing = Spacing()
    pictures, said = goal_pictures(tmp_path / "bag", ARM, spacing)
    frames = load_recording(tmp_path / "bag", ARM)
    first = frames.frames[frames.episodes[0]]
    assert 3 <= len(pictures) <= 25 < len(first)
    assert f"{len(pictures)} of {len(first)} frames" in said
    np.testing.assert_array_equal(pictures[0][1], first[0])
    np.testing.assert_array_equal(pictures[-1][1], first[-1])
    fewer, _ = goal_pictures(tmp_path / "bag", ARM, replace(spacing, times=8.0))
    assert len(fewer) < len(pictures)
    other, _ = goal_pictures(tmp_path / "bag", ARM, replace(spacing, episode=1))
    assert not np.array_equal(other[0][1], pictures[0][1])
    with pytest.raises(GoalError, match="has 2 episodes, counted from 0: there is no 2"):
        goal_pictures(tmp_path / "bag", ARM, replace(spacing, episode=2))
    untold = write_checkpoint(tmp_path / "checkpoint", ARM)
    with pytest.raises(GoalError, match="give --reached"):
        goal_pictures(tmp_path / "bag", ARM, Spacing(untold))


def test_frames_of_a_video_are_taken_alike(tmp_path):
    arm = simulated(ARM).simulator(SCENE)
    there, frames = arm.positions, []
    for step in range(40):
        arm.place(np.add(there, [0.04 * step, 0.0]))
        frames.append(arm.render())
    write_video(tmp_path / "way.mp4", np.array(frames))
    pictures, _ = goal_pictures(tmp_path / "way.mp4", ARM, Spacing())
    assert 3 <= len(pictures) <= 8  # 5.2 model steps at full rate, 2.3 apart
    assert np.abs(pictures[-1][1].astype(int) - frames[-1]).mean() < 20


def test_a_video_without_commands_is_imitated_within_the_limits(ros, command, domain, patient, tmp_path):
    write_parameters(tmp_path, stop_hold_s=4.0)  # for it must not stop before the end
    arm = simulated(ARM).simulator(SCENE)
    there, frames = arm.positions, []
    turn = 0.8 if there[0] < 0.0 else -0.8
    for share in [*np.linspace(0.0, 1.0, 15), *np.linspace(1.0, 0.0, 15)]:
        arm.place(there + share * np.array([turn, 0.0]))
        frames.append(arm.render())
    write_video(tmp_path / "way.mp4", np.array(frames))  # ten frames a second
    sent = ros.collect(Float64MultiArray, COMMANDS, 1000)
    moved = ros.collect(JointState, "joint_states", 1000)
    options = (
        "--sim",
        "--seed",
        SCENE,
        "--domain",
        domain,
        "--params",
        patient,
        "--limit",
        "120",
        "--stuck",
        "0",
    )
    process = command("drive", "--imitate", tmp_path / "way.mp4", "--enable-control", *options)
    ros.until(lambda: process.poll() is not None, "the end of the drive")
    output, _ = process.communicate()
    assert process.returncode == 0, output
    assert "frames, 0.2 s apart" in output
    [result] = summary(tmp_path)["goals"]
    assert (result["name"], result["outcome"]) == ("demonstration", "reached")
    vectors = np.array([read_command(message, ARM) for message in sent])
    assert commands_out_of_limits(vectors, ARM) == 0
    assert not vectors[-1].any()
    # It has been where the video turns back, and is where it ends: the last picture alone is where it begins.
    turned = np.array([message.position[0] - there[0] for message in moved]) / turn
    assert turned.max() > 0.5
    assert abs(turned[-1]) < 0.3


@pytest.mark.parametrize(
    ("options", "said"),
    [((), "give one of --goals and --imitate"), (("--goals", ".", "--imitate", "."), "give one of --goals")],
)
def test_either_goals_or_a_demonstration_are_given(options, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["drive", "--sim", *options])
    assert result.exit_code == 2
    assert said in result.output


def test_one_frame_is_no_demonstration(tmp_path):
    cv2.imwrite(str(tmp_path / "1.png"), np.zeros((64, 64, 3), np.uint8))
    with pytest.raises(GoalError, match=r"a demonstration has 2 to 1000 frames, 0\.2 s apart, and .* has 1"):
        demonstration_pictures(tmp_path, ARM, 0)
