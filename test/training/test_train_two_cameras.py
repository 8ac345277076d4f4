"""A robot of two cameras from recording to goals, by the commands a user gives; the trainings are over in seconds."""

import json

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("mujoco")
pytest.importorskip("rosbags")

import torch
from checkpoint_harness import small_model, write_checkpoint
from typer.testing import CliRunner

from wm_ros.cli import app
from wm_ros.data.load import load_recording
from wm_ros.models.checkpoint import load_checkpoint, save_checkpoint
from wm_ros.models.decoder import draw
from wm_ros.models.decoder_checkpoint import load_decoder
from wm_ros.models.encoders.views import per_view
from wm_ros.robots.profile import load_profile
from wm_ros.training import scores
from wm_ros.training.engine import Engine
from wm_ros.training.odometry import Odometry
from wm_ros.training.optimise import Schedule, TrainingError
from wm_ros.training.train import TrainOptions, train
from wm_ros.training.video_encoder import train_video_encoder

PROFILE = load_profile("arm_two_cameras")
ROBOT = ("--profile", PROFILE.name)
BRIEFLY = ("--effort", "0.001", "--num-threads", "1")


def run(*arguments):
    result = CliRunner().invoke(app, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    path = tmp_path_factory.mktemp("two") / "bag"
    run("record", "--sim", *ROBOT, "--out", path, "--episodes", 5, "--seconds", 3.6)
    return path


@pytest.fixture(scope="module")
def recording(bag):
    return load_recording(bag, PROFILE)


@pytest.fixture(autouse=True)
def short_probe(monkeypatch):
    monkeypatch.setattr(scores, "PROBE_STEPS", 5)


@pytest.mark.parametrize(("kind", "tokens"), [("tiny", 2), ("video", 32)])
def test_train_makes_a_model_with_tokens_of_each_camera(bag, tmp_path, kind, tokens):
    out = tmp_path / kind
    run("train", bag, *ROBOT, "--out", out, *BRIEFLY, "--encoder-kind", kind)
    model = load_checkpoint(out)
    assert model.encoder.tokens == tokens
    assert model.card.robot == PROFILE
    assert model.card.training["topics"][0]["camera"] == "/top/image, /side/image"


def test_the_video_encoder_standardises_each_camera_by_itself(recording):
    model = small_model(
        PROFILE, encoder={"name": "video", "size": 32, "tokens": 4, "features": 2, "width": 8}
    )
    encoder = model.encoder.requires_grad_(True)
    before = [parameter.clone() for parameter in per_view(encoder).parameters()]
    schedule = Schedule(2, 0, lambda step, figures: None)
    train_video_encoder(encoder, recording, np.arange(4), schedule, Engine(), Odometry(recording, model))
    assert all((a != b).any() for a, b in zip(before, per_view(encoder).parameters(), strict=True))
    assert (encoder.mean[:4] != encoder.mean[4:]).any(), "the cameras see other things"
    train_frames = np.concatenate([np.arange(e.start, e.stop) for e in recording.episodes[:4]])
    with torch.no_grad():
        states = encoder(torch.from_numpy(recording.frames[train_frames]))
    assert states.mean(dim=0).abs().max() < 0.3
    assert (per_view(encoder).mean == 0).all()


def test_an_encoder_of_single_pictures_is_taken_over_for_each_camera(recording, tmp_path):
    one = small_model(load_profile("arm"), weight=0.3)
    options = TrainOptions(seed=3).scaled(0.001)
    train(recording, tmp_path / "both", options, "a test", lambda *_: lambda *_: None, encoder_of=one)
    both = load_checkpoint(tmp_path / "both")
    frames = torch.from_numpy(recording.frames[:2].copy())
    torch.testing.assert_close(both.encode(frames)[:, 1:], one.encode(frames[:, :, 64:].contiguous()))
    again = train(
        recording, tmp_path / "again", options, "a test", lambda *_: lambda *_: None, encoder_of=both
    )
    assert np.isfinite(list(again.values())).all()


def test_an_encoder_of_two_cameras_is_none_of_one(tmp_path):
    from wm_ros.tasks.record import record_sim

    arm = load_profile("arm")
    record_sim(arm, tmp_path / "bag", episodes=3, seconds=3.0)
    save_checkpoint(small_model(PROFILE), tmp_path / "both")
    with pytest.raises(TrainingError, match="is of 2 cameras, this robot has 1"):
        train(
            load_recording(tmp_path / "bag", arm),
            tmp_path / "one",
            TrainOptions().scaled(0.001),
            "a test",
            lambda *_: lambda *_: None,
            encoder_of=load_checkpoint(tmp_path / "both"),
        )


def test_goals_in_lockstep_and_a_decoder_that_draws_both(bag, tmp_path):
    model = write_checkpoint(tmp_path / "model", PROFILE, weight=0.3)
    run("bench", "goals", model, *ROBOT, "--goals", 1, "--seeds", 1, "--json", tmp_path / "goals.json")
    assert json.loads((tmp_path / "goals.json").read_text())
    run("train-decoder", model, bag, "--effort", "0.001")
    loaded = load_checkpoint(model)
    decoder = load_decoder(tmp_path / "model", loaded.encoder)
    assert draw(decoder, loaded.encode(torch.zeros(1, 64, 128, 3, dtype=torch.uint8))).shape == (1, 32, 32, 3)
