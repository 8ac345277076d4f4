"""Training on a bag of the embedded arm: real, small, scored on what it has not seen, and the same every time."""

import copy
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

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
from wm_ros.data.record_sim import record_sim
from wm_ros.data.recording import Commands, Recording
from wm_ros.evaluation.closed_loop import r2
from wm_ros.models.checkpoint import CheckpointError, load_checkpoint
from wm_ros.models.encoder_checkpoint import EncoderCard, EncoderCheckpoint, save_encoder
from wm_ros.models.encoders.registry import build_encoder
from wm_ros.robots.profile import load_profile
from wm_ros.training import scores
from wm_ros.training.clips import Clips, make_clips, split_episodes
from wm_ros.training.engine import Engine
from wm_ros.training.goal_distance import train_goal_distance
from wm_ros.training.identity import differences, identity
from wm_ros.training.images import Images
from wm_ros.training.optimise import TrainingError, rate_share
from wm_ros.training.sigreg import sigreg
from wm_ros.training.split import split
from wm_ros.training.states import encode_all, mapped
from wm_ros.training.train import TrainOptions, train

ARM = load_profile("arm")
EPISODES, SECONDS = 6, 3.6
BRIEF = TrainOptions(seed=3).scaled(0.001)
BRIEFLY = ("--effort", "0.001", "--seed", "3", "--num-threads", "1")


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    path = tmp_path_factory.mktemp("recorded") / "bag"
    record_sim(ARM, path, episodes=EPISODES, seconds=SECONDS)
    return path


@pytest.fixture(scope="module")
def recording(bag):
    return load_recording(bag, ARM)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def short_probe(monkeypatch):
    monkeypatch.setattr(scores, "PROBE_STEPS", 20)


class Phases:
    """Remembers every figure of every phase."""

    def __init__(self):
        self.figures = {}

    def __call__(self, name, steps):
        rows = self.figures[name] = []

        def report(step, figures):
            rows.append(figures)
            assert step == len(rows) <= steps

        return report

    def fell(self, phase, figure):
        """The mean of the last fifth of the steps as a share of that of the first."""
        values = [row[figure] for row in self.figures[phase]]
        fifth = len(values) // 5
        return np.mean(values[-fifth:]) / np.mean(values[:fifth])


def trained(recording, folder, options=BRIEF, **arguments):
    found = train(recording, folder, options, "a test", Phases(), **arguments)
    return load_checkpoint(folder), found


def parts_that_differ(first, second):
    """Names of the parts of two models whose weights are not equal bit for bit."""
    weights, others = first.state_dict(), second.state_dict()
    assert list(weights) == list(others)
    return {name.split(".")[0] for name in weights if not torch.equal(weights[name], others[name])}


def corrupted(recording, episodes):
    """The recording with noise for pictures and other commands in these episodes."""
    frames, stamps = np.array(recording.frames), recording.stamps_ns
    vectors, generator = recording.commands.vectors.copy(), np.random.default_rng(0)
    for episode in (recording.episodes[index] for index in episodes):
        frames[episode] = generator.integers(0, 256, frames[episode].shape, np.uint8)
        times = recording.commands.stamps_ns
        during = (times >= stamps[episode.start]) & (times <= stamps[episode.stop - 1])
        vectors[during] = generator.uniform(-1.5, 1.5, (during.sum(), 2))
    commands = Commands(recording.commands.stamps_ns, vectors, ARM.command.timeout_s)
    return replace(recording, frames=frames, commands=commands)


def wm_ros(*arguments):
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "wm_ros.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=100)


def called(*arguments):
    """The same command in this process."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})


# The whole


def test_losses_fall_and_the_model_is_scored_and_written(recording, tmp_path, short_probe):
    options = TrainOptions(
        encoder_steps=20,
        world_model_steps=25,
        controller_steps=15,
        controller_rollout_steps=5,
        goal_distance_steps=40,
    )
    phases = Phases()
    found = train(recording, tmp_path / "new", options, "six episodes", phases)
    assert list(phases.figures) == [
        "encoder",
        "world model",
        "goal distance",
        "controller",
        "controller rollouts",
    ]
    assert [len(rows) for rows in phases.figures.values()] == [20, 25, 40, 15, 5]
    assert phases.fell("encoder", "foreground") < 0.8
    assert phases.fell("encoder", "sigreg") < 0.6
    assert phases.fell("world model", "error_to_copy") < 0.5
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
    model, _ = trained(recording, tmp_path / "one")
    other, _ = trained(replace(recording, commands=commands), tmp_path / "two")
    assert parts_that_differ(model, other) == {"controller", "controller_inverse", "goal_distance"}


def test_another_seed_is_another_model(recording, tmp_path, short_probe):
    model, _ = trained(recording, tmp_path / "one")
    other, _ = trained(recording, tmp_path / "two", replace(BRIEF, seed=4))
    assert "encoder" in parts_that_differ(model, other)
    assert "forward_model" in parts_that_differ(model, other)


def test_models_of_two_seeds_can_be_held_out_alike():
    episodes = Recording(
        ARM, np.zeros((40, 0, 0, 3), np.uint8), 200_000_000 * np.arange(40), (), Commands([0], [[0, 0]], 1.0)
    )
    episodes = replace(episodes, episodes=tuple(slice(start, start + 8) for start in range(0, 40, 8)))
    splits = [split(episodes, TrainOptions(seed=seed, split_seed=7)) for seed in (1, 2)]
    alone = split(episodes, TrainOptions(seed=7))
    for other in splits:
        for part in ("seen", "fitted", "choosing", "scored"):
            assert getattr(other, part).tolist() == getattr(alone, part).tolist()


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


# What cannot be trained on


@pytest.mark.parametrize("there", ["full", "file"])
def test_an_existing_out_folder_is_left_alone(tmp_path, there):
    out = tmp_path / "out"
    if there == "full":
        write_checkpoint(out, ARM)
    else:
        out.write_text("mine")
    result = called("train", tmp_path / "no bag", "--out", out)
    assert result.exit_code == 2
    assert "nothing is overwritten" in result.output


def test_an_encoder_that_is_not_there_is_told_before_the_bag_is_read(tmp_path):
    result = called(
        "train", tmp_path / "no bag", "--out", tmp_path / "out", "--encoder-from", tmp_path / "none"
    )
    assert isinstance(result.exception, CheckpointError)


def test_too_few_episodes_are_told_in_a_sentence(tmp_path):
    record_sim(ARM, tmp_path / "bag", episodes=1, seconds=4.0)
    result = wm_ros("train", tmp_path / "bag", "--out", tmp_path / "out")
    assert result.returncode == 1
    assert (
        "wm_ros: 1 episode with commands: training scores itself on episodes it has not seen" in result.stderr
    )
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "out").exists()


def refused(recording, out, said, **arguments):
    phases = Phases()
    with pytest.raises(TrainingError, match=said):
        train(recording, out, BRIEF, "a test", phases, **arguments)
    assert not out.exists()
    return phases.figures


def test_episodes_that_are_too_short_are_refused_before_anything_is_trained(recording, tmp_path):
    short = replace(recording, episodes=tuple(slice(e.start, e.start + 12) for e in recording.episodes))
    said = r"no clip of 7 frames at 5 Hz in 5 episodes: record episodes of at least 1\.4 s"
    assert refused(short, tmp_path / "out", said) == {}


def test_a_recording_without_commands_is_refused_before_anything_is_trained(recording, tmp_path):
    silent = replace(recording, commands=None)
    assert refused(silent, tmp_path / "out", "the recording has no commands.*`wm_ros inspect`") == {}


def test_a_component_that_never_moves_is_named_before_anything_is_trained(recording, tmp_path):
    still = Commands(recording.commands.stamps_ns, 0 * recording.commands.vectors, ARM.command.timeout_s)
    said = "the commands of shoulder are 0 throughout"
    assert refused(replace(recording, commands=still), tmp_path / "out", said) == {}
    stamps = recording.stamps_ns[:-1]
    vectors = np.stack([np.sin(np.arange(len(stamps))), np.full(len(stamps), 0.4)], axis=1)
    said = "the commands of elbow are 0.4 throughout"
    held = replace(recording, commands=Commands(stamps, vectors, timeout_s=10.0))
    assert refused(held, tmp_path / "out", said) == {}


def test_pictures_in_which_nothing_moves_are_refused(recording, tmp_path):
    still = replace(recording, frames=np.broadcast_to(recording.frames[:1], recording.frames.shape).copy())
    encoder_of = small_model(ARM, weight=0.3)
    assert refused(still, tmp_path / "out", "nothing moves in the pictures", encoder_of=encoder_of) == {}


def test_a_model_of_broken_numbers_stops_the_training_at_its_first_step(recording, tmp_path):
    broken = small_model(ARM, weight=float("nan"))
    phases = refused(
        recording, tmp_path / "out", "world model: loss is nan at step 1 of 2", encoder_of=broken
    )
    assert phases == {"world model": []}


# Its parts


def test_the_learning_rate_warms_up_and_falls_to_almost_nothing():
    shares = [rate_share(step, 100) for step in range(100)]
    assert shares[:10] == pytest.approx(np.arange(1, 11) / 10)
    assert shares[9:] == sorted(shares[9:], reverse=True)
    assert shares[55] == pytest.approx(0.51, abs=0.01)
    assert shares[-1] == pytest.approx(0.02, abs=0.001)
    assert rate_share(0, 1) == 1.0


def test_effort_scales_all_steps_and_keeps_at_least_one():
    full, least = TrainOptions(), TrainOptions().scaled(1e-9)
    assert full.scaled(1.0) == full
    assert full.scaled(0.1).encoder_steps == round(0.1 * full.encoder_steps)
    steps = [getattr(least, name) for name in vars(least) if name.endswith("_steps")]
    assert steps == [1, 1, 1, 1, 1, least.clip_steps]
    assert least.clip_steps == full.clip_steps


@pytest.mark.parametrize("count", [2, 3, 10, 500])
def test_episodes_are_split_without_overlap_by_seed(count):
    fitted, held_out = split_episodes(count, seed=0)
    assert sorted([*fitted, *held_out]) == list(range(count))
    assert len(held_out) == max(1, round(0.1 * count))
    np.testing.assert_array_equal(split_episodes(count, seed=0)[1], held_out)
    if count > 3:
        assert not np.array_equal(split_episodes(count, seed=1)[1], held_out)


def test_clips_hold_the_states_and_commands_of_their_frames(recording):
    states = torch.arange(len(recording.frames), dtype=torch.float32)[:, None, None]
    chosen = np.array([1, 4])
    clips = make_clips(recording, states, chosen, steps=3)
    seen, actions = clips.take(np.arange(len(clips)))
    assert seen.shape[1:] == (4, 1, 1)
    assert actions.shape == (len(seen), 3, 2)
    # The camera runs at twice the model's rate.
    assert (seen[:, 1:] - seen[:, :-1] == 2).all()
    inside = {frame for index in chosen for frame in range(*recording.episodes[index].indices(10**6))}
    assert set(seen.flatten().int().tolist()) <= inside
    stamps = recording.stamps_ns[clips.rows(np.arange(len(clips)))]
    expected = recording.commands.mean(stamps[:, 1], stamps[:, 2])
    np.testing.assert_allclose(actions[:, 1].numpy(), expected, rtol=1e-5, atol=1e-6)
    drawn, _ = clips.batch(np.random.default_rng(0), 5)
    assert drawn.shape == (5, 4, 1, 1)


def test_all_frames_are_encoded_once_each_in_order(recording):
    encoder = small_model(ARM, weight=0.3).encoder
    states = mapped((len(recording.frames), 1, 8))
    encode_all(encoder, recording, states, batch=50)
    for index in (0, 49, 50, len(states) - 1):
        alone = encoder(torch.tensor(recording.frames[index])[None])[0]
        torch.testing.assert_close(states[index], alone, rtol=1e-4, atol=1e-4)


def test_frames_of_another_size_are_shrunk_once(recording):
    encoder = small_model(ARM, weight=0.3).encoder
    assert encoder.size != recording.frames.shape[1]
    frames = recording.frames.copy()
    images_of = Images(encoder, replace(recording, frames=frames))
    rows = np.array([7, 0, 7, len(frames) - 1])
    expected = encoder.preprocess(torch.from_numpy(recording.frames[rows]))
    frames[:] = 0  # nobody looks at them again
    torch.testing.assert_close(images_of(rows), expected)


def test_a_disk_too_small_for_the_states_is_told(tmp_path):
    free = shutil.disk_usage(tmp_path).free
    with pytest.raises(TrainingError, match=f"GB more in {tmp_path}, and there is no room.*--cache-dir"):
        mapped((free // 4 + 1_000_000, 1, 1), tmp_path)
    assert not list(tmp_path.iterdir())


def test_another_recording_is_another_training(recording):
    model = small_model(ARM)

    def different(other, encoder=None):
        before, after = (identity(r, model.card, BRIEF, e) for r, e in ((recording, None), (other, encoder)))
        return {text.partition(" ")[0] for text in differences(before, after)}

    assert different(replace(recording, notes=("read again",))) == set()
    assert different(corrupted(recording, [2])) == {"data.pictures", "data.commands"}
    assert different(replace(recording, commands=None)) == {"data.commands"}
    assert different(replace(recording, unlabelled=(1,))) == {"data.unlabelled_episodes"}
    assert different(replace(recording, episodes=recording.episodes[1:])) == {"data.episodes"}
    assert different(recording, model.encoder) == {"encoder_from"}


def test_sigreg_is_small_for_gaussian_states_alone():
    generator = torch.Generator().manual_seed(0)
    draw = torch.randn(4096, 8, generator=generator)
    uniform = 12**0.5 * (torch.rand(4096, 1, generator=generator) - 0.5)
    others = {
        "collapsed": torch.zeros(4096, 8),
        "in one direction": draw[:, :1] * torch.ones(8) / 8**0.5,
        "too small": 0.5 * draw,
        "too large": 2.0 * draw,
        "shifted": draw + 0.5,
        "uniform": uniform,
        "of two values": draw.sign(),
    }
    gaussian = float(sigreg(draw, torch.Generator().manual_seed(1)))
    assert 0.3 < gaussian < 3.0
    for name, states in others.items():
        assert float(sigreg(states, torch.Generator().manual_seed(1))) > 3 * gaussian, name


def test_sigreg_by_the_formula():
    """All states at one point c of a line: |exp(itc) - exp(-t^2 / 2)|^2, weighted by exp(-t^2 / 2)."""
    t, c = np.linspace(-5.0, 5.0, 17), 0.7
    gaussian = np.exp(-(t**2) / 2)
    gap = np.abs(np.exp(1j * t * c) - gaussian) ** 2 * gaussian
    expected = 10 * np.sum((gap[1:] + gap[:-1]) / 2 * np.diff(t))
    found = sigreg(torch.full((10, 1), c), torch.Generator().manual_seed(0))
    assert float(found) == pytest.approx(expected, rel=1e-5)


def test_sigreg_pulls_a_collapsed_state_apart():
    states = (1e-3 * torch.randn(256, 4, generator=torch.Generator().manual_seed(0))).requires_grad_()
    sigreg(states, torch.Generator().manual_seed(1)).backward()
    # Downhill is outward.
    assert (states.grad * states).sum() < 0


def synthetic_clips(steps=2, size=6, shuffled=False):
    """States whose change is the action, in mixed-up coordinates."""
    generator, count = torch.Generator().manual_seed(0), 400
    actions = torch.rand(count, steps, 2, generator=generator) - 0.5
    start = torch.randn(count, 1, 2, generator=generator)
    path = torch.cat([start, start + actions.cumsum(dim=1)], dim=1)
    states = (path @ torch.randn(2, size, generator=generator)).reshape(-1, 1, size)
    if shuffled:
        actions = actions[torch.randperm(count, generator=generator)]
    return clips_of(states, steps, actions)


def clips_of(states, steps, actions=None):
    """Clips of states [C * (steps + 1), N, D], one after the other; actions [C, steps, A]."""
    if actions is not None:  # there is one for each frame; those of the last ones are nobody's
        actions = np.pad(actions.numpy(), ((0, 0), (0, 1), (0, 0)), constant_values=np.nan).reshape(
            len(states), -1
        )
    frames = np.arange(len(states))
    return Clips(states, frames[:: steps + 1], frames + 1, steps, actions)


def test_the_goal_distance_learns_how_many_steps_of_commands_lie_between():
    model = small_model(ARM, action_scale=(2.0, 0.5))
    model.goal_distance.requires_grad_(True)
    clips, phases = synthetic_clips(steps=6, size=8), Phases()
    train_goal_distance(model, clips, 250, seed=0, report=phases("goal distance", 250), engine=Engine())
    states, actions = clips.take(np.arange(400))
    way = (actions / model.action_scale).sum(dim=1).norm(dim=1)
    ends = zip(states[:, 0], states[:, -1], strict=True)
    with torch.no_grad():
        found = torch.stack([model.goal_distance(first, last) for first, last in ends])
    assert r2(way[:, None].numpy(), found[:, None].numpy()) > 0.9
    assert phases.figures["goal distance"][-1]["displacement"] < 0.2


def test_the_probe_reads_an_action_that_is_there_and_none_that_is_not(monkeypatch):
    monkeypatch.setattr(scores, "PROBE_STEPS", 200)
    clips, others = synthetic_clips(), synthetic_clips(shuffled=True)
    assert scores.action_probe(clips, clips, seed=0) > 0.9
    # Fitted on true actions it does not find others; fitted on others it finds nothing on the true ones.
    assert scores.action_probe(clips, others, seed=0) < 0.2
    assert scores.action_probe(others, clips, seed=0) < 0.2


def test_scores_of_a_model_that_ignores_its_latent_action_say_so():
    model = small_model(ARM, weight=0.3)
    for block in model.forward_model.blocks:
        torch.nn.init.zeros_(block.modulation.weight)
    states = torch.randn(30, 1, 8, generator=torch.Generator().manual_seed(0))
    clips = clips_of(states, 2, actions=torch.zeros(10, 2, 2))
    found = scores.world_model_scores(model, clips, seed=0)
    assert found["action_gap_shuffled"] == pytest.approx(1.0, abs=1e-5)
    assert found["action_gap_zero"] == pytest.approx(1.0, abs=1e-5)
    # A forward model that predicts no change is exactly as bad as copying.
    copying = copy.deepcopy(model)
    torch.nn.init.zeros_(copying.forward_model.read.weight)
    torch.nn.init.zeros_(copying.forward_model.read.bias)
    found = scores.world_model_scores(copying, clips, seed=0)
    assert found["one_step"] == pytest.approx(1.0, abs=1e-5)
    assert found["rollout"] == pytest.approx(1.0, abs=1e-5)
