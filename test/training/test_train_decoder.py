"""`wm_ros train-decoder`: pictures of a checkpoint's states, learned from recordings; its plans stay the same."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("mujoco")
pytest.importorskip("rosbags")

import torch
from checkpoint_harness import small_model, write_action_conditioned, write_checkpoint
from small_bag import record_small_bag
from training_harness import ARM, called

from wm_ros.data.load import load_recording
from wm_ros.models.checkpoint import CheckpointError, find_checkpoint, load_checkpoint, save_checkpoint
from wm_ros.models.decoder import draw
from wm_ros.models.decoder_checkpoint import load_decoder
from wm_ros.planning.options import PlannerOptions
from wm_ros.robots.profile import load_profile
from wm_ros.stages.plan import PlanStage
from wm_ros.tasks.simulated import simulated
from wm_ros.training import decoder as decoder_training
from wm_ros.training.clips import split_episodes
from wm_ros.training.decoder import DecoderOptions, train_decoder
from wm_ros.training.decoder_scores import pixel_r2, redrawn
from wm_ros.training.optimise import TrainingError
from wm_ros.training.train import Run

PIXELS = {
    "name": "pixels",
    "model": {"patch": 8},
    "input": {"size": 32, "shortest_edge": None, "mean": [0.5] * 3, "std": [0.5] * 3},
}
BRIEF = DecoderOptions(steps=4, seed=1)


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    return record_small_bag(tmp_path_factory.mktemp("drawn"))


@pytest.fixture(scope="module")
def recording(bag):
    return load_recording([bag], ARM)


@pytest.fixture
def folder(tmp_path):
    write_checkpoint(tmp_path / "model", ARM, weight=0.3)
    return tmp_path / "model"


def quietly(name, steps):
    return lambda step, figures: None


def trained(folder, recording, options=BRIEF, **run):
    return train_decoder(folder, recording, options, "a test", quietly, Run(**run))


def weights(folder):
    return load_decoder(folder, load_checkpoint(folder).encoder).state_dict()


def plans(folder, look):
    """Some plans of a checkpoint; look: draw what is expected at the end of each."""
    model = load_checkpoint(folder)
    stage = PlanStage(model, PlannerOptions(batch_size=16, elites=4, iteration_count=2), seed=0)
    decoder, found = load_decoder(folder, model.encoder), []
    states = torch.randn(5, 1, 8, generator=torch.Generator().manual_seed(0))
    stage.set_goal(states[0])
    for step, state in enumerate(states[1:]):
        result = stage(step * 200_000_000, state, lead_s=0.05)
        found.append((result.plan.rates, result.cost))
        if look:
            pictures = draw(decoder, stage.expected_end()[None])
            assert pictures.shape == (1, 32, 32, 3)
    return found


def test_the_command_trains_one_and_says_how_well_it_draws(bag, folder):
    done = called("train-decoder", folder, bag, "--effort", "0.001", "--num-threads", "1")
    assert done.exit_code == 0, done.output
    assert "psnr_6_ahead" in done.output
    about = json.loads((folder / "card.json").read_text())["decoder"]
    assert {"psnr", "psnr_mean", "r2", "r2_1_ahead", "r2_6_ahead", "r2_unchanged"} <= set(about["scores"])
    assert about["training"] | {"frames": 0, "versions": {}, "options": {}} == {
        "source": "bag", "frames": 0, "episodes": 3, "held_out_episodes": 1, "versions": {}, "options": {}
    }  # fmt: skip
    assert not (folder / ".progress").exists()


def test_plans_are_bit_equal_with_a_decoder_and_without(recording, folder, tmp_path):
    shutil.copytree(folder, tmp_path / "plain")
    trained(folder, recording)
    looked, unlooked, plain = plans(folder, True), plans(folder, False), plans(tmp_path / "plain", False)
    for (rates, cost), *others in zip(looked, unlooked, plain, strict=True):
        for other_rates, other_cost in others:
            assert np.array_equal(rates, other_rates)
            assert cost == other_cost


def test_held_out_episodes_are_those_of_the_checkpoint_s_training_and_teach_nothing(recording, folder):
    model = small_model(ARM, weight=0.3)
    model.card.training["options"] = {"seed": 5, "split_seed": None}
    save_checkpoint(model, folder)
    held_out = decoder_training._split(recording, model.card)[1]
    assert held_out.tolist() == split_episodes(4, 5)[1].tolist()
    trained(folder, recording)
    before = weights(folder)
    frames = np.array(recording.frames)
    frames[recording.episodes[held_out[0]]] = 0
    trained(folder, replace(recording, frames=frames))
    assert all(torch.equal(before[name], tensor) for name, tensor in weights(folder).items())


def test_a_training_that_was_ended_goes_on_to_the_same_weights(recording, folder, tmp_path, monkeypatch):
    shutil.copytree(folder, tmp_path / "whole")
    trained(tmp_path / "whole", recording)
    ended = decoder_training.F.mse_loss
    calls = []

    def fails(*arguments):
        calls.append(1)
        if len(calls) > 2:
            raise KeyboardInterrupt
        return ended(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(decoder_training.F, "mse_loss", fails)
        with pytest.raises(KeyboardInterrupt):
            trained(folder, recording, save_every_s=0.0)
    assert (folder / ".progress").is_dir()
    with pytest.raises(TrainingError, match="--resume"):
        trained(folder, recording)
    trained(folder, recording, resume=True)
    whole = weights(tmp_path / "whole")
    assert all(torch.equal(whole[name], tensor) for name, tensor in weights(folder).items())


def test_tokens_without_a_grid_and_on_one(recording, folder):
    for encoder in ({"name": "video", "size": 32, "tokens": 4, "features": 2, "width": 8}, PIXELS):
        save_checkpoint(small_model(ARM, encoder=encoder), folder)
        assert trained(folder, recording)["psnr"] > 5
        assert load_decoder(folder, load_checkpoint(folder).encoder).shape["size"] == 32


def test_videos_without_commands_are_enough(recording, folder):
    scores = trained(folder, replace(recording, commands=None))
    assert "r2_6_ahead" in scores, "imagined from latent actions"


def test_a_model_that_needs_poses_is_scored_on_what_it_sees(recording, tmp_path):
    franka = load_profile("franka")
    write_action_conditioned(tmp_path / "model", franka)
    scores = trained(tmp_path / "model", replace(recording, profile=franka, commands=None))
    assert list(scores) == ["psnr", "psnr_mean", "r2"]


def test_recordings_of_another_robot_are_refused(recording, folder):
    with pytest.raises(CheckpointError, match="trained for robot 'arm', which differs"):
        trained(folder, replace(recording, profile=load_profile("rover")))


def test_one_episode_is_too_few(recording, folder):
    lone = replace(recording, episodes=recording.episodes[:1])
    with pytest.raises(TrainingError, match="at least 2"):
        trained(folder, lone)


@pytest.mark.parametrize("name", ["arm", "pusher", "rover"])
def test_packaged_checkpoints_draw_what_they_see(name):
    profile = load_profile(name)
    folder = find_checkpoint("", profile)
    assert (folder / "decoder.safetensors").stat().st_size < 1.5e6
    model, simulator = load_checkpoint(folder), simulated(profile).simulator()
    decoder, frames = load_decoder(folder, model.encoder), []
    for scene in range(8):
        simulator.reset(2_000_000_000 + scene)
        frames.append(simulator.render().copy())
    seen = torch.from_numpy(np.stack(frames))
    drawn = redrawn(decoder, model.encode(seen))
    assert pixel_r2(drawn, seen.permute(0, 3, 1, 2), decoder.background) > 0.3
    scores = json.loads((folder / "card.json").read_text())["decoder"]["scores"]
    assert scores["r2_1_ahead"] > scores["r2_6_ahead"] > scores["r2_unchanged"]
