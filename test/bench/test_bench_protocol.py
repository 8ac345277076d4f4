"""`wm_ros bench protocol`: DROID from a LeRobot set and RECON from NWM's layout, gone on with, and what is refused."""

import json
import pickle
import sys

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("av")
pytest.importorskip("pyarrow")
pytest.importorskip("scipy")

from checkpoint_harness import small_model, write_action_conditioned, write_checkpoint
from trajectory_makers import drive, write_droid, write_trajectories, write_trajectory
from typer.testing import CliRunner
from video_makers import greys, write_lerobot

from wm_ros.cli import app, main
from wm_ros.models.checkpoint import save_checkpoint
from wm_ros.robots.profile import load_profile
from wm_ros.training.validation_split import split

DROID, RECON = load_profile("droid"), load_profile("recon")
SEEDS = ("--seeds", "2")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Checkpoints of random weights by robot, and a small V-JEPA 2-AC."""
    root = tmp_path_factory.mktemp("models")
    return {
        **{name: write_checkpoint(root / name, load_profile(name)) for name in ("droid", "recon", "arm")},
        "vjepa2-ac": write_action_conditioned(root / "vjepa2-ac", DROID),
    }


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    """Small sets in the published layouts: 6 drives of 20 steps, and 6 walks of 2 s."""
    root = tmp_path_factory.mktemp("sets")
    walks = [
        np.array([0.5, 0.0, 0.3, 0.0, 0.0, 3.1])
        + np.cumsum(np.random.default_rng(seed).uniform(-0.02, 0.02, (25, 6)), axis=0)
        for seed in range(6)
    ]
    frames = [greys(25, first=20 * number) for number in range(6)]
    return {
        "recon": write_trajectories(root / "recon_test", 6, 20),
        "droid": write_droid(root / "droid_test", frames, walks),
    }


@pytest.fixture
def called(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments):
        result = CliRunner().invoke(app, ["bench", "protocol", *map(str, arguments)])
        return result.exit_code, " ".join(result.output.split()), result.exception

    return call


def refused(capsys, monkeypatch, *arguments):
    """What the command says on stderr, in its own words, when it ends with 1."""
    monkeypatch.setattr(sys, "argv", ["wm_ros", "bench", "protocol", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith("wm_ros: ")
    return said


def test_recon_is_measured_on_nwm_s_layout_with_the_published_rows_beside(tmp_path, called, models, sets):
    out = tmp_path / "out"
    code, text, error = called("recon", sets["recon"], "--checkpoint", models["recon"], "--out", out, *SEEDS)
    assert code == 0, error or text
    table = json.loads((out / "table.json").read_text())
    assert list(table["rows"]) == ["this model", "no motion", "random actions", "recorded mean, held"]
    for row in table["rows"].values():
        assert set(row) == {"ate_m", "rpe_m", "ate_waypoints", "rpe_waypoints"}
        assert row["ate_m"]["mean"] > 0.0
        assert row["ate_m"]["episodes"] == 6
        assert len(row["ate_m"]["by_seed"]) == 2
    assert (table["starts"], table["episodes"], table["seeds"]) == (12, 6, 2)
    low, high = table["rows"]["random actions"]["ate_m"]["interval"]
    assert low < table["rows"]["random actions"]["ate_m"]["mean"] < high
    for said in (
        "published: NWM",
        "published: NoMaD",
        "1.93",
        "this run is of 12 starts of 6 episodes of recon_test, with an encoder `tiny` of",
        "True paths are those of the recorded poses",
        "frames are taken to be 0.25 s apart",
        "give episodes that were held out",
    ):
        assert said in text


def test_droid_is_measured_on_a_lerobot_set_with_the_published_rows_beside(tmp_path, called, models, sets):
    out = tmp_path / "out"
    code, text, error = called(
        "droid", sets["droid"], "--checkpoint", models["droid"], "--out", out, "--seeds", 1
    )
    assert code == 0, error or text
    table = json.loads((out / "table.json").read_text())
    assert list(table["rows"]) == ["this model", "no motion", "random actions"]
    # 3 steps of a quarter of a second are 9 rows of the walk.
    assert table["rows"]["no motion"]["error_m"]["mean"] == pytest.approx(0.06, rel=0.4)
    assert table["published"]["V-JEPA 2-AC"] == {"error_m": 0.15}
    assert "published: [LAM] sparse" in text
    assert "300 x 15 candidates and 10 elites as published" in text


def test_recon_is_measured_on_a_lerobot_set_of_a_base_by_its_commands(tmp_path, called, models):
    rates = [np.tile([1.0, 0.1], (25, 1)) for _ in range(6)]
    frames = [greys(25, first=20 * number) for number in range(6)]
    root = write_lerobot(tmp_path / "base", "v2.1", frames, rates, RECON.names, rate=8)
    out = tmp_path / "out"
    code, text, error = called("recon", root, "--checkpoint", models["recon"], "--out", out, "--seeds", 1)
    assert code == 0, error or text
    rows = json.loads((out / "table.json").read_text())["rows"]
    assert rows["recorded mean, held"]["ate_m"]["mean"] < 1e-3
    # Chords of an arc of 2 m, waypoints a quarter of a metre apart.
    assert rows["no motion"]["rpe_waypoints"]["mean"] == pytest.approx(1.0, abs=1e-3)
    assert "True paths are those of the recorded commands" in text


def test_v_jepa_2_ac_is_told_the_pose_at_each_start(tmp_path, called, models, sets, monkeypatch):
    from wm_ros.models.action_conditioned.model import ActionConditionedModel

    told, tell = [], ActionConditionedModel.at
    monkeypatch.setattr(
        ActionConditionedModel, "at", lambda self, pose: (told.append(pose), tell(self, pose))
    )
    out = tmp_path / "out"
    arguments = ("--checkpoint", models["vjepa2-ac"], "--out", out, "--seeds", 1, "--episodes", 1)
    code, text, error = called("droid", sets["droid"], *arguments)
    assert code == 0, error or text
    assert len(told) == json.loads((out / "table.json").read_text())["starts"]
    assert all(0.3 < pose[0] < 0.7 and pose[5] > 2.5 and pose[6] == 0.0 for pose in told)
    assert "V-JEPA 2-AC is told that the gripper is open" in text


def test_a_measurement_is_gone_on_with_and_more_seeds_add(tmp_path, called, models, sets):
    out = tmp_path / "out"
    base = ("recon", sets["recon"], "--checkpoint", models["recon"], "--out", out)
    assert called(*base, "--seeds", 1)[0] == 0
    first = (out / "table.json").read_text()
    whole = (out / "plans.jsonl").read_text()
    lines = whole.splitlines(keepends=True)
    assert len(lines) == 12
    # Ended in the middle of writing.
    (out / "plans.jsonl").write_text("".join(lines[:5]) + lines[5][:40])
    assert called(*base, "--seeds", 1)[0] == 0
    assert (out / "table.json").read_text() == first
    assert (out / "plans.jsonl").read_text() == whole
    assert called(*base, "--seeds", 2)[0] == 0
    assert (out / "plans.jsonl").read_text().startswith(whole)
    more = json.loads((out / "table.json").read_text())["rows"]["this model"]["ate_m"]["by_seed"]
    assert more[0] == json.loads(first)["rows"]["this model"]["ate_m"]["by_seed"][0]
    assert more[0] != more[1]


def test_another_measurement_does_not_go_on_in_the_folder(
    tmp_path, called, capsys, monkeypatch, models, sets
):
    out = tmp_path / "out"
    base = ("recon", sets["recon"], "--checkpoint", models["recon"], "--out", out, "--seeds", 1)
    assert called(*base)[0] == 0
    said = refused(capsys, monkeypatch, *base, "--episodes", 3)
    assert "episodes was 100 and is 3" in said
    assert "Give another --out" in said


def test_of_the_recording_it_was_trained_on_only_unseen_episodes_are_planned_in(tmp_path, called):
    from wm_ros.data.load import load_recording

    root = write_trajectories(tmp_path / "drives", 40, 10)
    recording = load_recording(root, RECON)
    options = {"seed": 3, "split_seed": None, "clip_steps": 6, "choose": True}
    parts = split(recording, 3, 6, True)
    training = {
        "source": "drives",
        "frames": len(recording.frames),
        "episodes": len(parts.train),
        "options": options,
    }
    for entries, episodes, said in (
        (training, len(parts.test), f"planned is in the {len(parts.test)} episodes that taught it nothing"),
        (
            {**training, "frames": 7},
            40,
            "trained on a recording called drives: most of these episodes may be known",
        ),
    ):
        folder = tmp_path / f"model-{entries['frames']}"
        save_checkpoint(small_model(RECON, training=entries), folder)
        out = tmp_path / f"out-{entries['frames']}"
        code, text, error = called("recon", root, "--checkpoint", folder, "--out", out, "--seeds", 1)
        assert code == 0, error or text
        assert json.loads((out / "table.json").read_text())["episodes"] == episodes
        assert said in text


# What is refused, and in which words.


@pytest.mark.parametrize(
    ("protocol", "model", "data", "said"),
    [
        (
            "droid",
            "arm",
            "droid",
            "profile arm has no x, y, z in m/s; it has shoulder (rad/s), elbow (rad/s)",
        ),
        ("droid", "arm", "droid", "--profile droid reads measured poses (`model: {actions_from: states}`)"),
        ("droid", "recon", "recon", "profile recon is of a base"),
        (
            "recon",
            "droid",
            "droid",
            "the RECON protocol is for bases: the command of profile droid must be a Twist",
        ),
        ("recon", "recon", "droid", "action has 8 components"),
    ],
)
def test_a_robot_that_the_protocol_is_not_for(
    tmp_path, capsys, monkeypatch, models, sets, protocol, model, data, said
):
    arguments = (protocol, sets[data], "--checkpoint", models[model], "--out", tmp_path / "out")
    assert said in refused(capsys, monkeypatch, *arguments)
    assert not (tmp_path / "out").exists()


def test_a_model_of_another_robot(tmp_path, capsys, monkeypatch, models, sets):
    said = refused(
        capsys,
        monkeypatch,
        *(
            "droid",
            sets["droid"],
            "--checkpoint",
            models["arm"],
            "--profile",
            "droid",
            "--out",
            tmp_path / "out",
        ),
    )
    assert "trained for robot 'arm', which differs from profile 'droid': model.rate_hz" in said
    assert "train one for this profile" in said


def test_a_set_without_commands(tmp_path, capsys, monkeypatch, models):
    root = write_lerobot(tmp_path / "videos", "v3.0", [greys(25)], rate=12)
    said = refused(
        capsys, monkeypatch, "droid", root, "--checkpoint", models["droid"], "--out", tmp_path / "out"
    )
    assert (
        "videos has no commands or poses that profile droid finds (measured states on end_effector_pose)"
        in said
    )
    assert "no observation.state in its features" in said


def test_episodes_shorter_than_the_horizon(tmp_path, capsys, monkeypatch, models):
    root = write_trajectories(tmp_path / "short", 3, 7)
    said = refused(
        capsys, monkeypatch, "recon", root, "--checkpoint", models["recon"], "--out", tmp_path / "out"
    )
    assert "the longest of 3 episodes with commands lasts 1.75 s" in said
    assert "8 steps of 0.25 s ahead, 2.00 s (9 frames)" in said


def test_targets_that_are_read_as_rates(tmp_path, capsys, monkeypatch):
    """DROID's action is a position; a profile of velocities would take it for one."""
    twist = load_profile("franka_twist")
    model = write_checkpoint(tmp_path / "model", twist)
    rows = [np.tile([0.5, 0.1, 0.4, 0.0, 0.0, 3.0], (25, 1)) + np.arange(25)[:, None] * 1e-3]
    root = write_lerobot(tmp_path / "targets", "v3.0", [greys(25)], rows, twist.names, rate=12)
    said = refused(capsys, monkeypatch, "droid", root, "--checkpoint", model, "--out", tmp_path / "out")
    assert "of the values of x lie beyond the profile's -0.2 to 0.2 m/s" in said


def test_a_pickle_that_holds_code(tmp_path, capsys, monkeypatch, models):
    folder = write_trajectory(tmp_path / "one", drive(10))

    class Trap:
        def __reduce__(self):
            return print, ("caught",)

    (folder / "traj_data.pkl").write_bytes(pickle.dumps({"position": np.zeros((11, 2)), "yaw": Trap()}))
    said = refused(
        capsys, monkeypatch, "recon", folder, "--checkpoint", models["recon"], "--out", tmp_path / "out"
    )
    assert "calls builtins.print, and only NumPy arrays are read: nothing of this file was run" in said
    assert "save its entries as arrays of numbers" in said


def test_a_folder_that_is_no_checkpoint(tmp_path, capsys, monkeypatch, sets):
    said = refused(
        capsys, monkeypatch, "recon", sets["recon"], "--checkpoint", tmp_path, "--out", tmp_path / "out"
    )
    assert "card.json is missing" in said
