"""Poses of an end effector in LeRobot sets: DROID's, our own, and what is said where there are none."""

import json

import numpy as np
import pytest

pytest.importorskip("av")
pytest.importorskip("pyarrow")

from trajectory_makers import CARTESIAN, EULER, write_droid
from transforms3d.euler import euler2quat
from video_makers import greys, write_lerobot

from wm_ros.data.load import load_recording
from wm_ros.data.recording import RecordingError
from wm_ros.robots.profile import load_profile

DROID = load_profile("droid")
QUATERNION = ["x", "y", "z", "qw", "qx", "qy", "qz"]
RATE = 12


def poses(seed=0, count=25):
    """A walk of poses [R, 6], small steps apart, its yaw about the half turn."""
    steps = np.random.default_rng(seed).uniform(-0.01, 0.01, (count, 6))
    return np.array([0.5, 0.0, 0.3, 0.1, -0.2, 3.1]) + np.cumsum(steps, axis=0)


WALKS = [poses(0), poses(1)]
FRAMES = [greys(25), greys(25, first=60)]


def quaternions(rows):
    return np.array([[*row[:3], *euler2quat(*row[3:], axes="sxyz")] for row in rows])


def droid_set(root, version="v3.0", **options):
    return write_droid(root, FRAMES, WALKS, version, RATE, **options)


@pytest.mark.parametrize("version", ["v2.1", "v3.0"])
def test_actions_are_the_rates_between_measured_poses(tmp_path, version):
    recording = load_recording(droid_set(tmp_path / "set", version), DROID)
    clips = recording.clips(4)
    assert recording.labelled_episodes.tolist() == [0, 1]
    moved = recording.actions(clips).sum(axis=1) * DROID.model_dt
    every = np.concatenate(WALKS)
    np.testing.assert_allclose(moved[:, :3], every[clips[:, -1], :3] - every[clips[:, 0], :3], atol=1e-6)
    # A yaw that passes the half turn goes on, and does not come back round.
    assert np.abs(moved[:, 3:]).max() < 0.1
    np.testing.assert_allclose(recording.places[:, :3], every[:, :3], atol=1e-6)
    np.testing.assert_allclose(
        np.abs((recording.places[:, 3:] * quaternions(every)[:, 3:]).sum(axis=1)), 1.0, atol=1e-6
    )
    said = f"set: poses are those of {CARTESIAN}: m, and extrinsic xyz Euler angles in rad; LeRobot knows no units"
    assert said in " ".join(recording.notes)


def test_quaternions_as_we_write_them_are_the_same_poses(tmp_path):
    rows = [quaternions(walk) for walk in WALKS]
    states = {"observation.state": (QUATERNION, rows)}
    root = write_lerobot(tmp_path / "own", "v3.0", FRAMES, rate=RATE, states=states)
    own, euler = load_recording(root, DROID), load_recording(droid_set(tmp_path / "set"), DROID)
    np.testing.assert_allclose(own.actions(own.clips(2)), euler.actions(euler.clips(2)), atol=1e-4)
    np.testing.assert_allclose(own.places, euler.places, atol=1e-5)


def test_a_row_that_is_no_pose_is_left_out_and_counted(tmp_path):
    rows = [quaternions(walk) for walk in WALKS]
    rows[0][3, 3:] = 0.0
    states = {"observation.state": (QUATERNION, rows)}
    recording = load_recording(
        write_lerobot(tmp_path / "own", "v3.0", FRAMES, rate=RATE, states=states), DROID
    )
    assert any(
        "left out 1 poses that are not finite, or whose quaternion" in note for note in recording.notes
    )
    assert np.isnan(recording.places[3]).all()


def test_commanded_poses_are_read_for_a_robot_that_takes_poses(tmp_path):
    profile = load_profile("franka_pose")
    root = write_lerobot(tmp_path / "set", "v3.0", FRAMES, WALKS, EULER, rate=RATE)
    recording = load_recording(root, profile)
    clips = recording.clips(2)
    every = np.concatenate(WALKS)
    np.testing.assert_allclose(
        recording.actions(clips)[:, 0, :3] * profile.model_dt,
        every[clips[:, 1], :3] - every[clips[:, 0], :3],
        atol=1e-6,
    )
    assert recording.places is None  # commanded is not measured


def test_rates_that_we_wrote_under_the_same_names_are_no_poses(tmp_path):
    root = write_lerobot(tmp_path / "set", "v3.0", FRAMES, WALKS, EULER, rate=RATE)
    file = root / "meta" / "info.json"
    info = json.loads(file.read_text())
    info["features"]["action"]["info"] = {"units": ["m/s"] * 3 + ["rad/s"] * 3}
    file.write_text(json.dumps(info))
    with pytest.raises(
        RecordingError, match=r"or, where the measured pose is, `model: {actions_from: states}`"
    ):
        load_recording(root, load_profile("franka_pose"))


def test_without_names_only_the_feature_of_that_name_is_taken(tmp_path):
    unnamed: dict[str, list[str]] = {"axes": []}
    load_recording(droid_set(tmp_path / "set", names=unnamed), DROID)
    with pytest.raises(RecordingError, match=r"found as observation.state or .*it has .*joint_0"):
        load_recording(droid_set(tmp_path / "other", feature="observation.state.pose"), DROID)


def test_a_set_without_any_state_counts_as_without_commands(tmp_path):
    recording = load_recording(write_lerobot(tmp_path / "set", "v3.0", FRAMES, rate=RATE), DROID)
    assert recording.commands is None
