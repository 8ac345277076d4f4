"""Families of encoders compared on a bag of the embedded arm: real, tiny, gone on with, and with one that diverges."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("mujoco")
pytest.importorskip("rosbags")
pytest.importorskip("matplotlib")

import torch
from evaluation_harness import Here
from small_bag import record_small_bag
from training_harness import environment
from typer.testing import CliRunner

from wm_ros.bench.bottlenecks.runs import SweepError
from wm_ros.bench.families import sweep as sweeping
from wm_ros.bench.families.comparison import compare
from wm_ros.bench.families.episodes import roles
from wm_ros.bench.families.features import MOST_NUMBERS, Features, effective_dimensions
from wm_ros.bench.families.orders import MAIN, warnings
from wm_ros.bench.families.probes import probe
from wm_ros.bench.families.runs import Supervision, parse_supervisions
from wm_ros.cli import app
from wm_ros.data.load import load_recording
from wm_ros.models.encoder_checkpoint import EncoderCard, EncoderCheckpoint, load_encoder, save_encoder
from wm_ros.models.encoders.registry import build_encoder
from wm_ros.robots.profile import load_profile
from wm_ros.tasks.record import record_sim
from wm_ros.training import families as training
from wm_ros.training.objectives import kinds
from wm_ros.training.optimise import TrainingError

ARM = load_profile("arm")
BRIEF = ("--effort", "0.001", "--probe-steps", "5")
SOME = ("--families", "video-predictive,autoencoder,commands", "--supervision", "1:0.2")


@pytest.fixture(autouse=True)
def brief(monkeypatch):
    """Runs are worked off in this process, where all is imported, and encoders are not looked at for long."""
    monkeypatch.setattr(sweeping, "Workers", Here)
    monkeypatch.setattr(training, "MEASURED", 128)


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded") / "bag"
    record_sim(ARM, folder, episodes=12, seconds=2.4)
    return folder


@pytest.fixture(scope="module")
def recording(bag):
    return load_recording(bag, ARM)


def called(*arguments):
    return CliRunner().invoke(
        app, ["bench", "families", *map(str, arguments), *BRIEF], env={"COLUMNS": "250"}
    )


def table_of(out):
    return json.loads((out / "table.json").read_text())


@pytest.fixture(scope="module")
def compared(bag, tmp_path_factory):
    """What the command wrote for two seeds, and what it printed."""
    folder = tmp_path_factory.mktemp("compared")
    config = {"name": "video", "size": 32, "tokens": 64, "features": 8, "width": 16}
    save_encoder(EncoderCheckpoint(build_encoder(config), EncoderCard(config, "MIT")), folder / "theirs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sweeping, "Workers", Here)
        patch.setattr(training, "MEASURED", 128)
        result = called(bag, "--out", folder / "out", "--seeds", "2", *SOME, "--encoder", folder / "theirs")
    assert result.exit_code == 0, result.output
    return folder / "out", result.output


# The command


def test_every_family_has_a_row_with_all_figures(compared):
    table = table_of(compared[0])
    assert list(table["rows"]) == [
        "video-predictive",
        "video-predictive + k 1, 20 %",
        "autoencoder",
        "autoencoder + k 1, 20 %",
        "commands",
        "random weights",
        "pixels",
        "theirs",
    ]
    for name, row in table["rows"].items():
        assert set(row) == set(table["figures"]), name
        assert len(row[MAIN]["by_seed"]) == 2
    assert {
        "action 1",
        "action 1 single frame",
        "action 1 shuffled time",
        "action 4",
        "action 4 blur",
        "state fingertip",
        "state fingertip noise",
    } <= set(table["figures"])
    assert table["rows"]["commands"]["numbers"]["mean"] == 128
    assert table["rows"]["theirs"]["numbers"]["mean"] <= MOST_NUMBERS
    assert table["failed"] == {}
    assert "8 train encoders, 8 of them with commands; 2 fit probes" in table["about"]["episodes"]
    assert "those scored are of unseen scenes" in table["about"]["scenes"]


def test_orders_are_stated_in_plain_words_beside_what_was_published(compared):
    out, printed = compared
    table = table_of(out)
    lift = table["orders"]["lift of supervision"][0]
    assert (lift["more"], lift["less"]) == ("video-predictive + k 1, 20 %", "video-predictive")
    means = [table["rows"][lift[name]][MAIN]["mean"] for name in ("more", "less")]
    assert lift["difference"] == pytest.approx(means[0] - means[1], abs=2e-3)
    low, high = lift["over_seeds"]
    assert low < lift["difference"] < high
    assert lift["over_episodes"] is None  # two episodes are no sample
    assert lift["settled"] is False
    text = (out / "table.md").read_text()
    assert "lift of supervision:" in text
    assert "video-predictive: V-JEPA 2 ViT-L 0.40 -> 0.85" in text
    assert lift["text"] in text
    assert lift["text"].endswith("open")
    assert "families, as found:" in printed
    assert "commands-1: action 1" in printed
    assert (out / "table.png").stat().st_size > 10_000


def test_an_encoder_of_a_family_can_be_taken_over(compared):
    encoder = load_encoder(compared[0] / "autoencoder-0").encoder
    assert (encoder.tokens, encoder.dim) == (16, 8)
    assert (encoder.std != 1).all()


def test_the_same_command_repeats_nothing_and_more_rows_are_added(compared, bag):
    out, _ = compared
    before = {path: path.stat().st_mtime_ns for path in out.glob("*/*")}
    again = called(bag, "--out", out, "--seeds", "2", "--families", "video-predictive,image")
    assert again.exit_code == 0, again.output
    assert "2 runs to do" in again.output
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in before.items())
    assert list(table_of(out)["rows"]) == ["video-predictive", "image", "random weights", "pixels"]


def test_other_data_are_refused_by_name(compared, tmp_path):
    out, _ = compared
    record_sim(ARM, tmp_path / "bag", episodes=10, seconds=2.0, seed=1)
    result = called(tmp_path / "bag", "--out", out)
    assert isinstance(result.exception, SweepError)
    assert "data.pictures was" in str(result.exception)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--families", "video-predictive,gan"), "unknown family 'gan'"),
        (("--supervision", "four"), "'four' is no supervision"),
        (("--supervision", "0:0.5"), "K must be 1 or more"),
        (("--supervision", "4:5"), "SHARE above 0 and at most 1"),
    ],
)
def test_what_cannot_be_compared_is_told_at_once(arguments, message, bag, tmp_path):
    result = called(bag, "--out", tmp_path / "out", *arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert not (tmp_path / "out").exists()


def test_too_few_episodes_to_hold_out_are_refused(tmp_path):
    result = called(record_small_bag(tmp_path), "--out", tmp_path / "out")
    assert isinstance(result.exception, TrainingError)
    assert "4 of 4 episodes have commands, and comparing families needs 10" in str(result.exception)
    assert not (tmp_path / "out").exists()


def test_a_family_that_diverges_is_named_and_tried_again(bag, tmp_path, monkeypatch):
    class Diverging(kinds.Redrawing):
        def forward(self, encoder, clips, generator):
            loss, figures = super().forward(encoder, clips, generator)
            return loss * float("nan"), figures

    arguments = (bag, "--out", tmp_path / "out", "--seeds", "1", "--families", "autoencoder,commands")
    with monkeypatch.context() as patch:
        patch.setitem(kinds.OBJECTIVES, "autoencoder", Diverging)
        result = called(*arguments)
    assert result.exit_code == 0, result.output
    table = table_of(tmp_path / "out")
    assert list(table["failed"]) == ["autoencoder-0"]
    assert "autoencoder: loss is nan at step 1 of 2" in table["failed"]["autoencoder-0"]
    assert list(table["rows"]) == ["commands", "random weights", "pixels"]
    assert "failed: autoencoder-0: autoencoder: loss is nan" in result.output
    result = called(*arguments)
    assert "1 runs to do" in result.output
    assert table_of(tmp_path / "out")["failed"] == {}


@pytest.mark.skipif(sys.platform != "linux", reason="kills a group of processes")
def test_a_comparison_that_was_killed_goes_on(bag, tmp_path):
    out = tmp_path / "out"
    arguments = (bag, "--out", out, "--seeds", "1", "--families", "autoencoder")
    command = [sys.executable, "-m", "wm_ros.cli", "bench", "families", *map(str, arguments), *BRIEF]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment(), start_new_session=True)
    try:
        while not (out / "autoencoder-0" / "result.json").is_file():
            assert process.poll() is None
            time.sleep(0.02)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    first = (out / "autoencoder-0" / "result.json").read_bytes()
    result = called(*arguments)
    assert result.exit_code == 0, result.output
    assert "3 runs to do" not in result.output
    assert (out / "autoencoder-0" / "result.json").read_bytes() == first
    assert list(table_of(out)["rows"]) == ["autoencoder", "random weights", "pixels"]
    assert not (out / ".frames").exists()


# Its parts


def test_no_episode_does_two_things(recording):
    chosen = roles(recording)
    parts = [chosen.train, chosen.fitted, chosen.scored]
    assert sorted(np.concatenate(parts).tolist()) == list(range(12))
    few, many = chosen.supervised(0.01), chosen.supervised(0.5)
    assert len(few) == 1
    assert len(many) == 4
    assert set(few) < set(many) < set(chosen.train)


def test_episodes_without_commands_train_encoders_alone(recording):
    chosen = roles(replace(recording, unlabelled=(3, 7)))
    assert {3, 7} <= set(chosen.train)
    assert not {3, 7} & {*chosen.labelled, *chosen.fitted, *chosen.scored}


def errors_of(share, seed=0, episodes=20):
    """Errors that explain this share of the variance, a little different in each episode."""
    draw = np.random.default_rng(seed)
    variance = np.ones((episodes, 2))
    return {
        "action": variance * (1.0 - share) + 0.01 * draw.normal(size=variance.shape),
        "action variance": variance,
    }


def test_a_difference_that_all_seeds_and_episodes_show_is_settled():
    first, second = ({seed: errors_of(share, seed) for seed in range(3)} for share in (0.8, 0.5))
    found = compare("a", "b", "action", first, second, ["action"])
    assert found.difference == pytest.approx(0.3, abs=0.02)
    assert found.over_seeds[0] > 0.2
    assert found.over_episodes[0] > 0.2
    assert found.settled
    assert str(found).endswith("settled")
    assert compare("b", "a", "action", second, first, ["action"]).settled


def test_what_one_seed_or_noise_shows_is_open():
    assert not compare("a", "b", "action", {0: errors_of(0.8)}, {0: errors_of(0.5)}, ["action"]).settled
    first = {seed: errors_of(0.5 + 0.2 * (-1) ** seed, seed) for seed in range(3)}
    second = {seed: errors_of(0.45, seed) for seed in range(3)}
    assert not compare("a", "b", "action", first, second, ["action"]).settled
    assert compare("a", "b", "action", {0: errors_of(0.8)}, {1: errors_of(0.5)}, ["action"]) is None


def test_static_scenes_and_collapse_are_warned_of():
    def row(pair, control, dimensions):
        figures = {
            MAIN: pair,
            f"{MAIN} single frame": control,
            f"{MAIN} shuffled time": 0.0,
            "numbers": 128,
            "effective_dimensions": dimensions,
        }
        return {name: {"mean": value} for name, value in figures.items()}

    found = warnings({"static": row(0.5, 0.4, 20.0), "fine": row(0.5, 0.1, 20.0), "flat": row(0.0, 0.0, 1.1)})
    assert len(found) == 2
    assert "static: single frame reads 0.40 of the action, the pair 0.50" in found[0]
    assert "flat: its 128 numbers have 1.1 effective dimensions: it has collapsed" in found[1]


def test_probes_read_what_an_encoder_says_and_nothing_else(recording):
    """Of an encoder that tells two numbers of every frame, by the number that the frame has."""
    chosen = roles(recording)
    options = sweeping.FamiliesOptions(probe_steps=300)
    told_of = np.random.default_rng(0).normal(size=(len(recording.frames), 2)).astype(np.float32)
    place = torch.from_numpy(told_of)

    class Told(torch.nn.Module):
        def forward(self, frames):
            rows = frames[:, 0, 0].long() @ torch.tensor([1, 256, 65536])
            return place[rows % len(place)][:, None]  # spoilt pictures have any number

    numbered = np.zeros((len(recording.frames), 1, 1, 3), np.uint8)
    numbered[:, 0, 0] = np.arange(len(numbered))[:, None] // [1, 256, 65536] % 256
    states = {"place": told_of}
    material = sweeping.Material(recording, None, states, chosen, options, None)
    told, errors = probe(material, replace(recording, frames=numbered), Told(), 0, lambda share: None)
    assert told["state place"] > 0.5
    assert errors["state place"].shape == (len(chosen.scored), 2)
    assert told["state place"] > told["state place noise"]
    assert told["effective_dimensions"] > 1.0


def test_many_numbers_are_reduced_to_their_components():
    class Wide(torch.nn.Module):
        def forward(self, frames):
            return frames.float().flatten(1)[:, None].repeat(1, 2, 1)

    draw = np.random.default_rng(0)
    frames = draw.integers(0, 256, (600, 20, 20, 3)).astype(np.uint8)
    features = Features(Wide(), lambda rows: frames[rows], np.arange(600))
    found = features(lambda rows: frames[rows], np.array([[3, 5], [3, 599]]))
    assert found.shape == (2, 2, MOST_NUMBERS)
    assert (found[0, 0] == found[1, 0]).all()
    line = draw.normal(size=(500, 1)) * np.ones((1, 8))
    assert effective_dimensions(line) == pytest.approx(1.0)
    assert effective_dimensions(draw.normal(size=(5000, 8))) == pytest.approx(8.0, rel=0.05)


def test_supervisions_are_read_from_their_text():
    assert parse_supervisions("4:0.05, 1:1,4:0.05") == (Supervision(4, 0.05), Supervision(1, 1.0))
    assert str(Supervision(4, 0.05)) == "k 4, 5 %"
