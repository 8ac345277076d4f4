"""The video encoder: what it is, what teaches it, and a whole training with it through the command."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("mujoco")

import torch
from checkpoint_harness import small_model
from training_harness import ARM, BRIEFLY, Phases
from typer.testing import CliRunner

from wm_ros.cli import app
from wm_ros.data.recording import Commands, Recording
from wm_ros.models.checkpoint import load_checkpoint
from wm_ros.models.encoders.video import VideoEncoder
from wm_ros.training.engine import Engine
from wm_ros.training.odometry import Odometry
from wm_ros.training.optimise import Schedule, TrainingError
from wm_ros.training.train import TrainOptions, new_card
from wm_ros.training.video_encoder import ContrastHead, _Draw, train_video_encoder

RATE_HZ, FRAMES, EPISODES = 10.0, 16, 8


def a_recording(unlabelled=()):
    """A bright square in a room of its own in every episode, which moves as it is told."""
    generator = np.random.default_rng(0)
    frames = np.zeros((EPISODES * FRAMES, 32, 32, 3), np.uint8)
    told = generator.uniform(-1.0, 1.0, (EPISODES * FRAMES, 2))
    for episode in range(EPISODES):
        place = generator.uniform(8, 24, 2)
        room = generator.integers(0, 200, 3)
        for row in range(episode * FRAMES, (episode + 1) * FRAMES):
            x, y = place.round().astype(int)
            frames[row] = room
            frames[row, y - 4 : y + 4, x - 4 : x + 4] = 255
            place = (place + told[row]).clip(4, 28)
    stamps = (np.arange(len(frames)) / RATE_HZ * 1e9).astype(np.int64)
    spans = tuple(slice(start, start + FRAMES) for start in range(0, len(frames), FRAMES))
    return Recording(ARM, frames, stamps, spans, Commands(stamps, told, 1.0), unlabelled=tuple(unlabelled))


def small_encoder(seed=0):
    torch.manual_seed(seed)
    return VideoEncoder(size=32, tokens=8, features=4, width=16)


def fitted(recording, steps, seed=0, by_time=True):
    model, phases = small_model(ARM), Phases()
    model.encoder = encoder = small_encoder()
    schedule = Schedule(steps, seed, phases("encoder", steps))
    torch.manual_seed(seed)
    odometry = Odometry(recording, model)
    train_video_encoder(encoder, recording, np.arange(EPISODES), schedule, Engine(), odometry, by_time)
    return encoder, phases


def test_tokens_say_where_they_look_and_what_is_there():
    encoder = VideoEncoder(size=64, tokens=5, features=3, width=8)
    frames = torch.randint(0, 256, (3, 48, 80, 3), dtype=torch.uint8)
    with torch.no_grad():
        tokens = encoder(frames)
        assert tokens.shape == (3, encoder.tokens, encoder.dim) == (3, 5, 5)
        assert tokens[..., :2].abs().max() < 3.0
        torch.testing.assert_close(encoder(frames[1:2]), tokens[1:2])


def test_a_token_moves_as_evenly_as_what_it_looks_at():
    encoder = VideoEncoder(size=64, tokens=1, features=1, width=8)
    for layer in encoder.trunk:
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.constant_(layer.weight, 1.0 / layer.weight[0].numel())
    torch.nn.init.ones_(encoder.attention.weight)  # looks at what is bright
    torch.nn.init.constant_(encoder.log_sharpness, 3.0)
    frames = torch.zeros(5, 64, 64, 3, dtype=torch.uint8)
    for step in range(5):
        frames[step, 24:40, 8 + 8 * step : 24 + 8 * step] = 255  # to the right
    with torch.no_grad():
        x, y = encoder(frames)[:, 0, :2].unbind(-1)
    assert y.abs().max() < 0.1
    torch.testing.assert_close(x.diff(), x.diff().mean().expand(4), rtol=0.1, atol=0)
    assert x[-1] - x[0] == pytest.approx(6 * 32 / 60, rel=0.1)  # of 16 places, four pixels apart, six wide


def test_numbers_are_standardised_over_the_frames_it_was_trained_on():
    recording = a_recording()
    encoder, _ = fitted(recording, 5)
    with torch.no_grad():
        tokens = encoder(torch.from_numpy(recording.frames))
    torch.testing.assert_close(tokens.mean(dim=0), torch.zeros(8, 6), atol=0.1, rtol=0)
    torch.testing.assert_close(tokens.std(dim=0), torch.ones(8, 6), atol=0.1, rtol=0)


@pytest.mark.parametrize("sizes", [{"size": 60}, {"width": 9}, {"features": 0}, {"tokens": 257}])
def test_sizes_that_make_no_encoder_are_refused(sizes):
    with pytest.raises(ValueError, match=f"got.* {next(iter(sizes.values()))}"):
        VideoEncoder(**sizes)


def test_partners_are_of_the_same_episode_later_and_at_most_two_seconds_away():
    first, partner = _Draw(a_recording(), np.arange(EPISODES)).partners(np.random.default_rng(0), 4096)
    assert (first // FRAMES == partner // FRAMES).all()
    assert (partner - first).min() == 1
    assert 1.4 <= (partner - first).max() / RATE_HZ <= 2.0 + 1e-9
    assert set(first // FRAMES) == set(range(EPISODES))


def test_groups_are_of_one_episode_and_of_a_few_seconds(monkeypatch):
    recording = a_recording()
    rows = _Draw(recording, np.arange(1, EPISODES)).groups(np.random.default_rng(0), 500)
    assert (rows // FRAMES == rows[:, :1] // FRAMES).all()
    assert set(rows.ravel()) == set(range(FRAMES, EPISODES * FRAMES))
    monkeypatch.setattr("wm_ros.training.video_encoder.WITHIN_S", 0.4)
    rows = _Draw(recording, np.arange(EPISODES)).groups(np.random.default_rng(0), 500)
    assert np.ptp(rows, axis=1).max() == 4


def test_the_contrast_is_chance_for_equal_tokens_and_little_for_partners_alone():
    torch.manual_seed(0)
    head = ContrastHead(4, 8)
    tokens = torch.randn(32, 4, 8)
    with torch.no_grad():
        assert head(tokens[:1].expand(32, -1, -1), tokens[:1].expand(32, -1, -1)).item() == pytest.approx(
            math.log(32), rel=1e-4
        )
        head.log_scale.fill_(math.log(50.0))
        assert head(tokens, tokens) < 0.5 < head(tokens, tokens.roll(1, dims=0))


def test_training_finds_partners_and_displacements():
    encoder, phases = fitted(a_recording(), 40)
    rows = phases.figures["encoder"]
    assert np.mean([row["contrast"] for row in rows[-5:]]) < 0.75 * rows[0]["chance"]
    assert phases.fell("encoder", "displacement") < 0.8
    assert not torch.equal(encoder.read.weight, small_encoder().read.weight)


def test_commands_teach_where_they_are_known_and_nowhere_else():
    labelled, video = a_recording(), a_recording(unlabelled=range(EPISODES))
    other = replace(video, commands=Commands(video.stamps_ns, 0.5 * video.commands.vectors, 1.0))
    weights = [fitted(recording, 3)[0].read.weight for recording in (labelled, video, other)]
    assert not torch.equal(weights[0], weights[1])
    assert torch.equal(weights[1], weights[2])


def test_a_robot_that_moves_nothing_but_itself_is_taught_by_commands_alone():
    _, phases = fitted(a_recording(), 40, by_time=False)
    assert "contrast" not in phases.figures["encoder"][0]
    assert phases.fell("encoder", "displacement") < 0.8


def test_an_unknown_kind_is_named():
    with pytest.raises(TrainingError, match="no encoder is called 'vidoe'; known: tiny, video"):
        new_card(ARM, TrainOptions(encoder_kind="vidoe"))


def test_an_encoder_is_taken_over_or_trained_and_not_both(tmp_path):
    called = CliRunner().invoke(
        app,
        ["train", "bag", "--out", str(tmp_path / "out"), "--encoder", "theirs", "--encoder-kind", "video"],
        env={"COLUMNS": "200"},
    )
    assert called.exit_code == 2
    assert "--encoder takes over the encoder in theirs" in called.output
    assert not (tmp_path / "out").exists()


def test_sizes_follow_the_tokens_and_the_robot():
    tiny, video = (new_card(ARM, TrainOptions(encoder_kind=kind)) for kind in ("tiny", "video"))
    assert (tiny.latent_action_dim, video.latent_action_dim) == (4, 8)
    assert video.forward_model.width > tiny.forward_model.width
    assert new_card(ARM, TrainOptions(preset="large", encoder_kind="video")).latent_action_dim == 128


@pytest.mark.parametrize("distance", [None, "displacement"])
def test_the_command_trains_a_model_with_it(bag, tmp_path, short_probe, distance):
    out = tmp_path / "out"
    chosen = [] if distance is None else ["--goal-distance", distance]
    called = CliRunner().invoke(
        app, ["train", str(bag), "--out", str(out), "--encoder-kind", "video", *chosen, *BRIEFLY]
    )
    assert called.exit_code == 0, called.output
    model = load_checkpoint(out)
    assert model.card.goal_distance == (distance or "temporal")
    assert model.goal_distance.displaces == (distance == "displacement")
    assert isinstance(model.encoder, VideoEncoder)
    assert json.loads((out / "card.json").read_text())["encoder"]["name"] == "video"
    states = model.encode(torch.zeros(1, 64, 64, 3, dtype=torch.uint8))
    assert model.rollout(states, torch.zeros(1, 2, 2)).shape == (1, 2, 16, 8)
