"""`wm_ros replay` as a user starts it, with a model of random weights: the real nodes, a real bag, no robot moved."""

import json
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("mujoco")
pytest.importorskip("torch")
pytest.importorskip("matplotlib")

import torch
from checkpoint_harness import write_checkpoint
from rclpy.qos import QoSProfile
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image
from std_msgs.msg import Float64MultiArray

from wm_ros.cli import main
from wm_ros.data.load import load_recording
from wm_ros.messages.image import decode_image
from wm_ros.messages.stamp import to_ns
from wm_ros.messages.tensor import decode_tensor
from wm_ros.models.checkpoint import load_checkpoint
from wm_ros.robots.profile import load_profile
from wm_ros.runs.replay import SHADOW, run_replay
from wm_ros.stages.encode import Encode
from wm_ros.tasks.record import record_sim

PROFILE = load_profile("arm")
KEEP_ALL = QoSProfile(depth=500)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("replay") / "checkpoint", PROFILE)


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    path = tmp_path_factory.mktemp("replay") / "bag"
    record_sim(PROFILE, path, episodes=2, seconds=2.0)
    return path


@pytest.fixture
def replay(command, domain, checkpoint):
    """Starts `wm_ros replay` into tmp_path/out, on the test's domain."""
    return partial(command, "replay", "--out", "out", "--checkpoint", checkpoint, "--domain", domain)


@pytest.fixture
def replayed(called, domain, checkpoint):
    """The same in this process, to its end: its exit code and output."""
    return partial(called, "replay", "--out", "out", "--checkpoint", checkpoint, "--domain", domain)


def parameter_file(folder, **guard):
    """The nodes' parameters, with those of the guard replaced."""
    sections = {"guard": guard, "pipeline": {"planner.batch_size": 8, "planner.iteration_count": 1}}
    data = {f"/**/{node}": {"ros__parameters": values} for node, values in sections.items()}
    path = folder / "params.yaml"
    path.write_text(json.dumps(data))
    return path


def test_live_sees_what_offline_sees_and_nothing_reaches_the_robot(ros, replay, bag, checkpoint, tmp_path):
    latents = ros.collect(Image, "latent", KEEP_ALL)
    frames = ros.collect(Image, PROFILE.camera.topic, KEEP_ALL)
    to_robot = ros.collect(Float64MultiArray, PROFILE.command.topic, KEEP_ALL)
    in_shadow = ros.collect(Float64MultiArray, SHADOW, KEEP_ALL)
    clock = ros.collect(Clock, "/clock", KEEP_ALL)
    (tmp_path / "thresholds.yaml").write_text("max_plan_latency_p95_steps: 0\n")  # which nobody can keep
    parameters = parameter_file(tmp_path, max_observation_age_s=1.0)  # this machine may be busy
    process = replay(bag, "--params", parameters, "--thresholds", "thresholds.yaml")
    drivers = set()

    def ended():
        drivers.add(ros.node.count_publishers(PROFILE.command.topic))
        return process.poll() is not None

    ros.until(ended, "the end of the replay")
    output, _ = process.communicate()
    assert "verdict: fail" in output, output
    assert process.returncode == 1
    # Nothing moves a robot, though the guard did command.
    assert not to_robot
    assert drivers == {0}
    assert any(any(message.data) for message in in_shadow)
    # The same tensors, bit for bit.
    recording = load_recording(bag, PROFILE)
    numbers = {int(stamp): number for number, stamp in enumerate(recording.stamps_ns)}
    torch.set_num_threads(1)
    encode = Encode(load_checkpoint(checkpoint))
    assert frames
    assert latents
    for message in frames:
        number = numbers[to_ns(message.header.stamp)]
        assert np.array_equal(decode_image(message), recording.frames[number])
    for message in latents:
        number = numbers[to_ns(message.header.stamp)]
        assert np.array_equal(decode_tensor(message), encode(recording.frames[number]).numpy())
    # Figures. This listener may have been found later than the replay's own: it has not seen more.
    report = json.loads((tmp_path / "out" / "replay.json").read_text())
    counts = report["frames"]
    assert counts["encoded"] >= len(latents)
    assert counts["shown"] == counts["encoded"] + sum(counts["dropped"].values()) == len(recording.frames)
    assert report["episodes"] == [0, 1]
    for figures in report["latency_ms"].values():
        assert 0.0 < figures["p50"] <= figures["p95"] <= figures["p99"]
    assert report["budget_ms"] == 200.0
    assert report["missed"]
    assert report["commands"]["count"] >= len(in_shadow)
    assert report["commands"]["beyond_limits"] == 0
    assert set(report["commands"]["beside_operator"]) == set(PROFILE.names)
    times = [to_ns(message.clock) for message in clock]
    # ROS time is the bag's.
    assert recording.stamps_ns[0] <= min(times) < max(times) < recording.stamps_ns[-1] + 10_000_000_000
    assert (tmp_path / "out" / "commands.png").stat().st_size > 5_000


@pytest.mark.slow
def test_each_fault_stops_the_robot_and_it_goes_on_after(replayed, tmp_path):
    camera, driven = (
        replace(PROFILE.camera, topic="cell/webcam"),
        replace(PROFILE.command, topic="cell/driven"),
    )
    bag = tmp_path / "bag"
    record_sim(replace(PROFILE, camera=camera, command=driven), bag, episodes=1, seconds=3.2)
    (tmp_path / "faults.yaml").write_text(
        "faults:\n"
        "  - {kind: garbage, at_s: 1.0, for_s: 1.2}\n"
        "  - {kind: clock_jump, at_s: 1.0, for_s: 1.2, by_s: 30.0}\n"
    )
    patient = parameter_file(tmp_path, max_observation_age_s=0.8)
    arguments = ("--faults", "faults.yaml", "--goal-after", "1", "--params", patient)
    arguments += ("--camera", "webcam", "--command", "driven")
    code, output = replayed(bag, "--rate", "0.5", *arguments)  # slower, so that a busy machine can keep up
    assert code == 0, output
    assert "not judged: only a replay at --rate 1 is in real time" in output
    report = json.loads((tmp_path / "out" / "replay.json").read_text())
    assert report["verdict"] == "not judged"
    assert report["topics"] == {"camera": "/cell/webcam", "command": "/cell/driven", "state": "/joint_states"}
    garbage, jump = (fault["reaction"] for fault in report["faults"])
    for reaction, reason in (
        (garbage, "observation too old"),
        (jump, "clock jump"),
    ):
        assert reaction["reason"].startswith(reason)
        assert 0.0 < reaction["time_to_stop_s"] < 1.5
        assert reaction["held_pct"] == 100.0
        assert reaction["time_to_resume_s"] > 0.0
    assert jump["restarted"]
    assert report["frames"]["dropped"]["undecodable"] > 5
    assert report["commands"]["after_standing"] == 0
    assert {stop["fault"] for stop in report["stops"]} == {"garbage", "clock_jump +30 s"}
    assert (tmp_path / "out" / "faults.png").stat().st_size > 5_000


@pytest.mark.slow
def test_two_checkpoints_on_one_bag_are_put_side_by_side(replayed, bag, tmp_path, monkeypatch):
    """And a replay beside an earlier one, of which nothing is played again."""
    results = []

    def remembered(*arguments, **options):
        results.append(run_replay(*arguments, **options))
        return results[-1]

    monkeypatch.setattr("wm_ros.runs.replay.run_replay", remembered)
    write_checkpoint(tmp_path / "other", PROFILE, seed=7)
    patient = parameter_file(tmp_path, max_observation_age_s=0.8)
    arguments = ("--episodes", "1", "--rate", "0.5", "--params", patient)
    code, output = replayed(bag, *arguments, "--compare", "other")
    assert code == 0, output
    assert len(results) == 2
    reports = [json.loads((tmp_path / out / "replay.json").read_text()) for out in ("out", "out/compared")]
    assert [Path(report["checkpoint"]).name for report in reports] == ["checkpoint", "other"]
    table = output[output.rindex("frames encoded") :]
    assert [str(report["frames"]["encoded"]) for report in reports] == table.splitlines()[0].split()[-2:]
    assert "not comparable" not in output
    left = [results[1]]  # another of the same bag, without the half minute
    monkeypatch.setattr("wm_ros.runs.replay.run_replay", lambda *arguments, **options: left.pop())
    code, output = replayed(bag, "--out", "again", *arguments, "--compare", "out")
    assert code == 0, output
    assert not left
    assert "not comparable" not in output
    assert not (tmp_path / "again" / "compared").exists()
    assert "correlation with the operator" in output


@pytest.fixture
def said(monkeypatch, capsys, tmp_path, bag):
    """What `wm_ros replay` says of arguments that it refuses before any process is started."""
    arm = json.dumps(PROFILE.to_dict())
    (tmp_path / "top.yaml").write_text(arm.replace('"image"', '"top"'))
    (tmp_path / "bag").symlink_to(bag)
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["wm_ros", "replay", *arguments])
        monkeypatch.setattr("wm_ros.runs.replay.run_replay", None)
        with pytest.raises(SystemExit) as exit:
            main()
        assert exit.value.code
        return " ".join(capsys.readouterr().err.split())

    return run


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("nowhere",), "no recording at nowhere"),
        (("bag", "--faults", "nowhere.yaml"), "fault script nowhere.yaml cannot be read"),
        (("bag", "--goal-image", "nowhere.png"), "picture nowhere.png cannot be read"),
        (("bag", "--goal-image", "a.png", "--goal-after", "1"), "two goals"),
        (("bag", "--profile", "top.yaml"), "has no camera topic top or top/compressed (profile arm"),
        (("bag", "--params", "nowhere.yaml"), "nowhere.yaml is no file"),
        (("bag", "--camera", "top"), "has no camera topic top or top/compressed (--camera)"),
        (("bag", "--command", "cmd_vel"), "has no topic cmd_vel (--command)"),
        (("bag", "--stamps", "log"), "how old a picture is by its own stamp"),
        (("bag", "--compare", "nowhere"), "nowhere/replay.json is no result of `wm_ros replay`"),
    ],
)
def test_what_cannot_be_played_is_told_in_a_sentence(said, arguments, sentence):
    assert sentence in said(*arguments)


def test_a_checkpoint_of_another_robot_is_told_by_the_node_that_refuses_it(replay, bag, tmp_path):
    (tmp_path / "slow.yaml").write_text(json.dumps(PROFILE.to_dict()).replace("1.5", "0.5"))
    process = replay(bag, "--profile", "slow.yaml")
    output, _ = process.communicate()
    assert process.returncode == 1
    assert "pipeline: configure failed: the checkpoint was trained for robot 'arm', which differs" in output
    assert "Traceback" not in output
