"""Training on bags with commands and videos without: the videos reach the world model, and no action is made up."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("mujoco")
pytest.importorskip("av")

import torch
from training_harness import environment
from typer.testing import CliRunner
from video_makers import write_video

from wm_ros.cli import app
from wm_ros.data.load import load_recording
from wm_ros.models.checkpoint import load_checkpoint
from wm_ros.robots.profile import load_profile
from wm_ros.tasks.record import record_sim
from wm_ros.training import scores
from wm_ros.training.clips import Clips, make_clips
from wm_ros.training.optimise import TrainingError
from wm_ros.training.train import TrainOptions, train

ARM = load_profile("arm")
BRIEF = TrainOptions(seed=3).scaled(0.001)


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    """A bag of four episodes with commands, and a video of two more of the same arm, larger and without."""
    folder = tmp_path_factory.mktemp("mixed")
    record_sim(ARM, folder / "bag", episodes=4, seconds=3.6)
    record_sim(ARM, folder / "other", episodes=2, seconds=3.6, seed=5)
    seen = load_recording(folder / "other", ARM)
    for number, episode in enumerate(seen.episodes):
        enlarged = seen.frames[episode].repeat(2, axis=1).repeat(2, axis=2)
        write_video(folder / "clips" / f"{number}.mkv", enlarged)
    return folder / "bag", folder / "clips"


@pytest.fixture(scope="module")
def mixed(paths):
    return load_recording(paths, ARM)


@pytest.fixture
def short_probe(monkeypatch):
    monkeypatch.setattr(scores, "PROBE_STEPS", 20)


def trained(recording, out, options=BRIEF):
    train(recording, out, options, "a test", lambda name, steps: lambda step, figures: None)
    return load_checkpoint(out)


def test_the_command_trains_on_a_bag_and_videos(paths, tmp_path):
    command = [
        sys.executable,
        "-m",
        "brief_wm_ros",
        "train",
        *map(str, paths),
        "--out",
        "model",
        "--effort",
        "0.001",
    ]
    done = subprocess.run(
        [*command, "--num-threads", "1", "--cache-dir", str(tmp_path)],
        capture_output=True, text=True, env=environment(), cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "frames of 64x64, 128x128 are cropped to the centre square and shrunk to 64x64" in done.stdout
    card = load_checkpoint(tmp_path / "model").card
    told = {
        name: card.training[name] for name in ("episodes", "labelled_episodes", "held_out_episodes", "source")
    }
    assert told == {"episodes": 5, "labelled_episodes": 3, "held_out_episodes": 1, "source": "bag, clips"}
    assert np.isfinite(list(card.metrics.values())).all()
    assert [entry.name for entry in tmp_path.iterdir()] == ["model"]


def test_videos_reach_encoder_and_world_model(mixed, tmp_path, short_probe):
    alone = replace(mixed, episodes=mixed.episodes[:4], unlabelled=())
    models = [trained(recording, tmp_path / name) for recording, name in ((mixed, "mixed"), (alone, "alone"))]
    for part in ("encoder", "forward_model", "inverse_dynamics"):
        weights = [getattr(model, part).state_dict().values() for model in models]
        assert any(not torch.equal(first, second) for first, second in zip(*weights, strict=True)), part


def test_controller_goal_distance_and_scores_see_labelled_episodes_alone(
    mixed, tmp_path, short_probe, monkeypatch
):
    """What they see is counted where clips are drawn."""
    unlabelled = np.concatenate([np.r_[mixed.episodes[index]] for index in mixed.unlabelled])
    drawn = {True: 0, False: 0}
    take = Clips.take

    def watched(clips, indexes):
        states, actions = take(clips, indexes)
        drawn[actions is None] += 1
        assert (actions is None) == np.isin(clips.starts, unlabelled).any()
        return states, actions

    monkeypatch.setattr(Clips, "take", watched)
    trained(mixed, tmp_path / "model")
    video = (BRIEF.world_model_steps, BRIEF.world_model_rollout_steps, BRIEF.controller_rollout_steps)
    assert drawn[True] == sum(video) + len(video)  # and a unit for each
    assert drawn[False] >= BRIEF.controller_steps + BRIEF.goal_distance_steps + scores.PROBE_STEPS + 3


def test_the_action_labelled_baseline_uses_labelled_episodes_alone(mixed, tmp_path, short_probe):
    assert trained(mixed, tmp_path / "model", replace(BRIEF, labelled=True)).card.labelled


def test_clips_of_episodes_without_commands_have_no_actions(mixed):
    states = torch.zeros(len(mixed.frames), 1, 1)
    assert mixed.labelled_episodes.tolist() == [0, 1, 2, 3]
    assert make_clips(mixed, states, np.arange(4), 6).actions is not None
    assert make_clips(mixed, states, np.array([4, 5]), 6).actions is None
    assert make_clips(mixed, states, np.arange(6), 6).actions is None


def test_videos_alone_are_refused_with_what_to_add(paths, tmp_path):
    result = CliRunner().invoke(app, ["train", str(paths[1]), "--out", str(tmp_path / "model")])
    assert isinstance(result.exception, TrainingError)
    assert "no commands, which the controller learns from: add one that has them" in str(result.exception)
    assert not (tmp_path / "model").exists()
