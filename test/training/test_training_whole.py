"""Training on a bag of the embedded arm: real, small, scored on what it has not seen, and the same every time."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from checkpoint_harness import small_model
from training_harness import (
    ARM,
    BRIEF,
    BRIEFLY,
    EPISODES,
    Phases,
    called,
    corrupted,
    parts_that_differ,
    trained,
    wm_ros,
)

from wm_ros.data.recording import Commands
from wm_ros.models.checkpoint import load_checkpoint
from wm_ros.models.encoder_checkpoint import EncoderCard, EncoderCheckpoint, save_encoder
from wm_ros.models.encoders.registry import build_encoder
from wm_ros.training.clips import split_episodes
from wm_ros.training.states import encode_all
from wm_ros.training.train import TrainOptions, train


def test_losses_fall_and_the_model_is_scored_and_written(recording, tmp_path, short_probe):
    options = TrainOptions(
        encoder_steps=20,
        world_model_steps=25,
        world_model_rollout_steps=40,
        controller_steps=15,
        controller_rollout_steps=5,
        goal_distance_steps=40,
    )
    phases = Phases()
    found = train(recording, tmp_path / "new", options, "six episodes", phases)
    assert list(phases.figures) == [
        "encoder",
        "world model",
        "world model rollouts",
        "goal distance",
        "controller",
        "joint rollouts",
    ]
    assert [len(rows) for rows in phases.figures.values()] == [20, 25, 40, 40, 15, 5]
    assert phases.fell("encoder", "foreground") < 0.8
    assert phases.fell("encoder", "sigreg") < 0.6
    assert phases.fell("world model", "error_to_copy") < 0.8
    assert phases.fell("world model rollouts", "error_to_copy") < 0.5
    assert phases.fell("goal distance", "displacement") < 0.7
    assert phases.fell("controller", "inverse") < 0.7
    assert np.isfinite(list(found.values())).all()

    card = load_checkpoint(tmp_path / "new").card
    assert card.robot == ARM
    assert card.metrics == {name: pytest.approx(value, abs=1e-4) for name, value in found.items()}
    assert card.training["source"] == "six episodes"
    assert card.training["options"]["encoder_steps"] == 20
    assert (card.training["episodes"], card.training["held_out_episodes"]) == (5, 1)
    assert card.training["frames"] == len(recording.frames)
    assert card.training["topics"] == [{"camera": "/image", "command": "/joint_velocity_controller/commands"}]
    assert card.action_scale == (1.5, 1.5)


def test_held_out_episodes_are_scored_on_and_nothing_else(recording, tmp_path, short_probe):
    fitted, held_out = split_episodes(EPISODES, BRIEF.seed)
    model, found = trained(recording, tmp_path / "clean")
    other, other_found = trained(corrupted(recording, held_out), tmp_path / "corrupted")
    assert parts_that_differ(model, other) == set()
    assert all(
        found[name] != other_found[name] for name in ("one_step", "rollout", "controller_rollout", "kl")
    )
    assert found["latent_action_r2"] != other_found["latent_action_r2"]
    assert found["action_probe_r2"] != other_found["action_probe_r2"]
    # And the same corruption elsewhere does reach the weights.
    third, _ = trained(corrupted(recording, fitted[:1]), tmp_path / "third")
    assert "encoder" in parts_that_differ(model, third)


def test_encoder_and_latent_actions_never_look_at_the_commands(recording, tmp_path, short_probe):
    vectors = recording.commands.vectors[::-1]
    commands = Commands(recording.commands.stamps_ns, vectors, ARM.command.timeout_s)
    apart = replace(BRIEF, joint=False)
    model, _ = trained(recording, tmp_path / "one", apart)
    other, _ = trained(replace(recording, commands=commands), tmp_path / "two", apart)
    assert parts_that_differ(model, other) == {"controller", "controller_inverse", "goal_distance"}


def test_another_seed_is_another_model(recording, tmp_path, short_probe):
    model, _ = trained(recording, tmp_path / "one")
    other, _ = trained(recording, tmp_path / "two", replace(BRIEF, seed=4))
    assert "encoder" in parts_that_differ(model, other)
    assert "forward_model" in parts_that_differ(model, other)


def test_states_made_before_give_the_model_that_encoding_gives(recording, tmp_path, short_probe):
    taken = small_model(ARM, weight=0.3)
    model, found = trained(recording, tmp_path / "encoded", encoder_of=taken)
    blind = replace(recording, frames=np.empty((len(recording.frames), 0, 0, 3), np.uint8))
    states = torch.zeros(len(recording.frames), taken.encoder.tokens, taken.encoder.dim)
    encode_all(taken.encoder, recording, states)
    other, same = trained(blind, tmp_path / "given", encoder_of=taken, states=states)
    assert parts_that_differ(model, other) == set()
    assert found == same


def test_the_command_trains_the_same_model_bit_for_bit(bag, recording, tmp_path, short_probe):
    result = wm_ros("train", bag, "--out", tmp_path / "model", *BRIEFLY)
    assert result.returncode == 0, result.stderr
    for word in (
        f"{len(recording.frames)} frames, 6 episodes",
        "not trained on",
        "latent_action_r2",
        "checkpoint: ",
    ):
        assert word in result.stdout
    trained(recording, tmp_path / "twin")
    weights = [(tmp_path / name / "weights.safetensors").read_bytes() for name in ("model", "twin")]
    assert weights[0] == weights[1]


def test_a_labelled_model_is_trained_on_the_encoder_of_another(bag, recording, tmp_path, short_probe):
    model, _ = trained(recording, tmp_path / "model")
    baseline = ("--action-labelled", "--encoder-from", tmp_path / "model")
    result = called("train", bag, "--out", tmp_path / "labelled", *baseline, *BRIEFLY)
    assert result.exit_code == 0, result.output
    labelled = load_checkpoint(tmp_path / "labelled")
    assert labelled.card.labelled
    assert labelled.card.latent_action_dim == 2
    encoder = model.encoder.state_dict()
    assert all(torch.equal(encoder[name], taken) for name, taken in labelled.encoder.state_dict().items())
    state, action = torch.randn(1, 1, 16), torch.tensor([[1.5, -0.75]])
    torch.testing.assert_close(labelled.latent_action(action, state), torch.tensor([[1.0, -0.5]]))
    metrics = json.loads((tmp_path / "labelled" / "card.json").read_text())["metrics"]
    assert np.isfinite(list(metrics.values())).all()


def test_a_model_is_trained_on_an_encoder_of_others(bag, tmp_path, short_probe):
    config = {
        "name": "vjepa2",
        "input": {"size": 32, "shortest_edge": 36, "mean": [0.5] * 3, "std": [0.5] * 3},
        "model": {"width": 24, "depth": 2, "heads": 2, "hidden": 48},
        "precision": "bfloat16",
        "source": {"file": "vitl.pt", "sha256": "0" * 64, "licence": "cc-by-nc-4.0"},
    }
    encoder = build_encoder(config)
    save_encoder(EncoderCheckpoint(encoder, EncoderCard(config, "cc-by-nc-4.0")), tmp_path / "encoder")
    result = called("train", bag, "--out", tmp_path / "model", "--encoder", tmp_path / "encoder", *BRIEFLY)
    assert result.exit_code == 0, result.output
    model = load_checkpoint(tmp_path / "model")
    assert model.card.encoder == config
    assert model.card.licence == "cc-by-nc-4.0"
    assert model.encode(torch.zeros(1, 48, 64, 3, dtype=torch.uint8)).shape == (1, 4, 24)
    for name, weights in encoder.state_dict().items():
        assert torch.equal(model.encoder.state_dict()[name], weights)
