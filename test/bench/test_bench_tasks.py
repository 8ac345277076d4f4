"""`wm_ros bench tasks`: from nothing to a table, gone on with, and controls that are what they say."""

import json

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("mujoco")
pytest.importorskip("rosbags")
pytest.importorskip("matplotlib")

import torch
from typer.testing import CliRunner

from wm_ros.bench.tasks import compare, probe
from wm_ros.bench.tasks.oracle import oracle_policy
from wm_ros.bench.tasks.policies import controls, recorded_policy
from wm_ros.bench.tasks.trials import run_trials
from wm_ros.cli import app
from wm_ros.robots.profile import load_profile
from wm_ros.tasks.lockstep import LockstepOptions, run_goals
from wm_ros.tasks.simulated import simulated, task_of
from wm_ros.training import scores as training_scores

ARM = load_profile("arm")
BRIEF = [
    "--profile",
    "pusht",
    "--encoder-kind",
    "tiny",
    "--episodes",
    "6",
    "--seconds",
    "2",
    "--effort",
    "0.001",
    "--num-threads",
    "1",
]


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(training_scores, "PROBE_STEPS", 5)
    monkeypatch.setattr(compare, "LOCKSTEP", LockstepOptions(limit_s=0.5))
    for name, value in (("LEARNED", 6), ("ASKED", 3), ("STEPS", 20), ("EPISODE_S", 2.0)):
        monkeypatch.setattr(probe, name, value)
    monkeypatch.setenv("COLUMNS", "200")


def called(*arguments):
    return CliRunner().invoke(app, ["bench", "tasks", *map(str, arguments)])


def test_a_table_is_made_and_gone_on_with(tmp_path, short):
    pytest.importorskip("gym_pusht", reason="gym-pusht is not installed: pip install --no-deps gym-pusht")
    out = tmp_path / "out"
    first = called("--out", out, "--seeds", 1, "--goals", 1, *BRIEF)
    assert first.exit_code == 0, first.output
    table = json.loads((out / "table.json").read_text())
    rows = table["rows"]
    assert list(rows) == [
        "latent actions",
        "action-labelled baseline",
        "stands still",
        "random actions",
        "recorded actions",
    ]
    assert rows["stands still"]["success"]["mean"] == 0.0
    assert rows["stands still"]["covered"]["mean"] + 1.0 > 0.0
    assert {"knows disc", "knows block", "knows angle"} <= set(rows["latent actions"])
    assert "R2 with which a probe `knows block`" in table["figures"]["knows block"]
    assert rows["latent actions"]["one_step"]["mean"] > 0.0
    assert (out / "table.png").stat().st_size > 1000
    assert "| success |" in (out / "table.md").read_text()
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}
    (out / "stands_still-0.jsonl").unlink()
    second = called("--out", out, "--seeds", 1, "--goals", 1, *BRIEF)
    assert second.exit_code == 0, second.output
    assert json.loads((out / "table.json").read_text()) == table
    kept = {
        path.parent.name
        for path, stamp in before.items()
        if path.is_file() and path.stat().st_mtime_ns == stamp
    }
    assert kept >= {"bag", "model-0", "labelled-0"}
    third = called("--out", out, "--seeds", 1, "--goals", 2, *BRIEF)
    assert third.exit_code != 0
    assert "options.goals was 1 and is 2" in str(third.exception or third.output)


def test_a_robot_without_goals_is_told_before_anything_is_recorded(tmp_path, short):
    out = tmp_path / "out"
    refused = called("--out", out, "--profile", "franka_twist")
    assert refused.exit_code != 0
    assert not out.exists()


def test_trials_go_on_where_they_were(tmp_path):
    options = LockstepOptions(limit_s=0.5)
    policy = controls(ARM, 3, options)["random actions"]
    path, counted = tmp_path / "trials.jsonl", []
    run_trials(path, ARM, policy, 1, 3, options, lambda done, figures: counted.append(done))
    found = run_trials(path, ARM, policy, 3, 3, options, lambda done, figures: counted.append(done))
    assert counted == [1, 2, 3]
    whole = [vars(score) for score in run_goals(ARM, policy, 3, 3, options)]
    assert found == json.loads(json.dumps(whole))


def test_motion_that_led_to_a_goal_leads_there_again():
    pytest.importorskip("gym_pusht", reason="gym-pusht is not installed: pip install --no-deps gym-pusht")
    profile, options = load_profile("pusht"), LockstepOptions()
    found = {
        name: list(run_goals(profile, policy, 8, 5, options))
        for name, policy in controls(profile, 5, options).items()
    }
    reached = {name: np.mean([score.success for score in scores]) for name, scores in found.items()}
    assert reached["stands still"] == reached["random actions"] == 0.0
    # The guard rounds off the first and the last moment, and some pushes end elsewhere for it.
    assert reached["recorded actions"] >= 0.5
    assert np.median([score.final_distance_m for score in found["recorded actions"]]) < 0.02
    with pytest.raises(ValueError, match="no ends of recorded motion"):
        recorded_policy(ARM, 0, options)


def test_the_planner_with_the_truth_reaches_what_a_model_must_learn_to_reach():
    options = LockstepOptions(camera_hz=5.0)
    scores = list(run_goals(ARM, oracle_policy(ARM), 2, 3, options))
    assert [score.success for score in scores] == [True, True]
    assert max(score.final_distance_m for score in scores) < 0.01


def test_probes_tell_what_a_state_knows_and_what_it_does_not(tmp_path, monkeypatch):
    """States that hold the truth, and states of noise."""
    for name, value in (("LEARNED", 30), ("ASKED", 10), ("STEPS", 300), ("EPISODE_S", 4.0)):
        monkeypatch.setattr(probe, name, value)
    frames, states, episodes = probe._episodes(ARM, 40, lambda share: None)
    monkeypatch.setattr(probe, "_episodes", lambda profile, count, progress: (frames, states, episodes))
    tip = task_of(ARM, simulated(ARM)).parts(states)["fingertip"]

    class Told:
        def __init__(self, values):
            self.values, self.at = torch.from_numpy(values).float()[:, None], 0

        def encode(self, part):
            self.at += len(part)
            return self.values[self.at - len(part) : self.at]

    noise = np.random.default_rng(0).normal(size=tip.shape)
    truth, nothing = (
        probe.known_parts(tmp_path / name, ARM, Told(values), 0, lambda share: None)["knows fingertip"]
        for name, values in (("truth", tip), ("noise", noise))
    )
    assert truth > 0.95
    assert nothing < 0.2
