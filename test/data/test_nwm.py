"""Trajectories in NWM's layout become labelled recordings, or errors that say what is wrong with them."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from trajectory_makers import drive, write_trajectories, write_trajectory
from typer.testing import CliRunner

from wm_ros.cli import app
from wm_ros.data.load import load_recording
from wm_ros.data.recording import RecordingError
from wm_ros.robots.planar import path
from wm_ros.robots.profile import load_profile

RECON = load_profile("recon")
FORWARD, TURN = RECON.action
SIDEWAYS = replace(
    RECON, action=(FORWARD, replace(FORWARD, name="left", min=-1.0, field="twist.linear.y"), TURN)
)


def poses_file(folder, **arrays):
    (folder / "traj_data.pkl").write_bytes(pickle.dumps(arrays))


def test_each_folder_is_an_episode_of_frames_a_quarter_of_a_second_apart(tmp_path):
    recording = load_recording(write_trajectories(tmp_path / "recon", 3, 12), RECON)
    assert [episode.stop - episode.start for episode in recording.episodes] == [13, 13, 13]
    assert recording.labelled_episodes.tolist() == [0, 1, 2]
    assert recording.camera_rate_hz == pytest.approx(4.0)
    greys = recording.frames.reshape(39, -1).mean(axis=1)
    np.testing.assert_allclose(greys, np.tile(10.0 * np.arange(13), 3), atol=1.0)
    assert (
        "recon: NWM trajectories, 39 frames of 32x24 at 4 Hz, 3 episodes, with commands" in recording.sources
    )
    assert "recon: the layout tells no times: frames are taken to be 0.25 s apart" in recording.notes


def test_commands_are_the_motions_between_the_poses_and_places_are_the_poses(tmp_path):
    poses = drive(10, seed=3)
    recording = load_recording(write_trajectory(tmp_path / "one", poses), RECON)
    np.testing.assert_allclose(recording.places, poses, atol=1e-12)
    rates = recording.actions(recording.clips(11))[0]
    motions = np.stack([0.25 * rates[:, 0], np.zeros(10), 0.25 * rates[:, 1]], axis=1)
    way = path(motions)
    np.testing.assert_allclose(
        np.linalg.norm(np.diff(way[:, :2], axis=0), axis=1),
        np.linalg.norm(np.diff(poses[:, :2], axis=0), axis=1),
        atol=1e-6,
    )
    np.testing.assert_allclose(way[:, 2], poses[:, 2] - poses[0, 2], atol=1e-6)
    end = np.linalg.norm(way[-1, :2]), np.linalg.norm(poses[-1, :2] - poses[0, :2])
    assert end[0] == pytest.approx(end[1], abs=1e-6)


@pytest.mark.parametrize("column", [False, True])
def test_headings_may_be_wound_round_and_a_column(tmp_path, column):
    poses = drive(10, seed=1)
    folder = write_trajectory(tmp_path / "one", poses)
    wound = np.arctan2(np.sin(poses[:, 2]), np.cos(poses[:, 2])) + 2.0 * np.pi * (np.arange(11) % 3)
    poses_file(folder, position=poses[:, :2], yaw=wound[:, None] if column else wound)
    recording = load_recording(folder, RECON)
    turns = recording.actions(recording.clips(2))[:, 0, 1]
    np.testing.assert_allclose(0.25 * turns, np.diff(poses[:, 2]), atol=1e-6)


def test_motion_sideways_is_kept_where_the_profile_can_say_it_and_noted_where_not(tmp_path):
    motions = np.array([[0.2, 0.03, 0.1]] * 8)
    folder = write_trajectory(tmp_path / "one", path(motions))
    recording = load_recording(folder, SIDEWAYS)
    np.testing.assert_allclose(0.25 * recording.actions(recording.clips(9))[0], motions, atol=1e-6)
    assert not [note for note in recording.notes if "sideways" in note]
    noted = load_recording(folder, RECON).notes
    assert "one: it moves sideways by 0.030 m a frame on average, which profile recon cannot say" in " ".join(
        noted
    )


def test_of_a_robot_that_is_no_base_frames_count_as_without_commands(tmp_path):
    recording = load_recording(write_trajectories(tmp_path / "recon", 2, 4), load_profile("arm"))
    assert len(recording.frames) == 10
    assert recording.commands is None
    assert any("profile arm takes no twist in the plane" in note for note in recording.notes)


def test_what_cannot_be_read_is_left_out_and_noted(tmp_path):
    root = write_trajectories(tmp_path / "recon", 4, 6)
    folders = sorted(root.iterdir())
    (folders[0] / "traj_data.pkl").write_bytes(b"\x80\x04\x95")
    poses_file(folders[1], position=np.zeros((7, 2)))
    (folders[2] / "3.jpg").write_bytes(b"no picture")
    poses = drive(6)
    poses[2, 0] = np.nan
    poses_file(folders[3], position=poses[:, :2], yaw=poses[:, 2])
    recording = load_recording(root, RECON)
    said = " ".join(recording.notes)
    assert "is damaged, or no pickle" in said
    assert "has position and lacks yaw: it must hold position [T, 2] and yaw [T]" in said
    assert "left out 1 pictures that cannot be read" in said
    assert "left out 1 frames whose pose is not finite" in said
    assert len(recording.frames) == 12
    assert np.isfinite(recording.places).all()


def test_a_set_of_nothing_but_damage_is_refused(tmp_path):
    folder = write_trajectory(tmp_path / "one", drive(4))
    for arrays, said in (
        ({"position": np.zeros((5, 2)), "yaw": np.zeros(4)}, r"position \[5, 2\] and yaw \[4\] must be"),
        ({"position": np.zeros(5), "yaw": np.zeros(5)}, r"position \[5\] and yaw"),
        ({"position": np.zeros((1, 2)), "yaw": np.zeros(1)}, "has 5 pictures .* for 1 poses"),
    ):
        poses_file(folder, **arrays)
        with pytest.raises(RecordingError, match=said):
            load_recording(folder, RECON)


def test_one_file_with_code_in_it_refuses_the_whole_set(tmp_path):
    root = write_trajectories(tmp_path / "recon", 3, 6)

    class Trap:
        def __reduce__(self):
            return print, ("caught",)

    poses_file(root / "jackal_1_r00", position=np.zeros((7, 2)), yaw=Trap())
    with pytest.raises(RecordingError, match=r"jackal_1_r00.*calls builtins.print, and only NumPy arrays"):
        load_recording(root, RECON)


def test_a_robot_of_several_cameras_is_told_that_there_is_one(tmp_path):
    root = write_trajectories(tmp_path / "recon", 1, 4)
    with pytest.raises(RecordingError, match="holds trajectories, of one camera each"):
        load_recording(root, load_profile("arm_two_cameras"))


def test_inspect_says_what_they_can_train(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    root = write_trajectories(tmp_path / "recon", 3, 12)
    result = CliRunner().invoke(app, ["inspect", str(root), "--profile", "recon", "--camera", "front"])
    assert result.exit_code == 0, result.output
    text = " ".join(result.output.split())
    assert "commands 36 on traj_data.pkl" in text
    assert (
        "controller, goal distance yes: 21 clips of 6 model steps, in 3 of 3 episodes with commands" in text
    )
    assert "--camera front is not used" in text
