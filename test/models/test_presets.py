"""Networks from tiny to the scale of the papers: they are as large as they should be, train, and say what it takes."""

import os
import re
from dataclasses import replace
from itertools import pairwise

import pytest

pytest.importorskip("torch")
pytest.importorskip("mujoco")

import torch
from checkpoint_harness import write_checkpoint
from typer.testing import CliRunner

from wm_ros.cli import app
from wm_ros.commands.latent_options import Bottleneck, Controller, Preset
from wm_ros.models.bottlenecks.kinds import CHOICES, KINDS
from wm_ros.models.card import read_card
from wm_ros.models.presets import PRESETS
from wm_ros.models.world_model import CONTROLLERS, WorldModel
from wm_ros.resources import PACKAGE
from wm_ros.robots.profile import load_profile
from wm_ros.training import world_model
from wm_ros.training.footprint import count_weights, measure_step
from wm_ros.training.train import TrainOptions, new_card

ARM = load_profile("arm")
NEEDED = 10e9  # bytes for a step of the large preset


def card(preset, **options):
    return new_card(ARM, TrainOptions(preset=preset, **options))


def free_memory():
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def test_the_command_offers_what_there_is():
    assert [preset.value for preset in Preset] == list(PRESETS)
    assert [kind.value for kind in Bottleneck] == list(CHOICES)
    shown = " ".join(CliRunner().invoke(app, ["train", "--help"]).output.split())
    for bottleneck, entry in KINDS.items():
        for name, option in entry.options.items():
            assert re.search(rf"--{name} <(int|float)> {bottleneck}: {option.meaning} \(default", shown)
    assert tuple(kind.value for kind in Controller) == CONTROLLERS


def test_tiny_is_the_default_and_fits_the_packaged_world_model():
    packaged, tiny = read_card(PACKAGE / "checkpoints" / "arm"), new_card(ARM, TrainOptions())
    for part in ("inverse_dynamics", "forward_model", "latent_action_dim", "controller_kind"):
        assert getattr(packaged, part) == getattr(tiny, part)


def test_the_large_forward_model_by_hand():
    width, depth, dim, latent = 1024, 24, card("large").encoder["dim"], 128
    # Attention 4 W^2 + 4 W, MLP 8 W^2 + 5 W, modulation 6 W^2 + 6 W.
    blocks = depth * (18 * width**2 + 15 * width)
    ends = (dim * width + width) + width + 2 * width + (width * dim + dim)
    condition = (latent * width + width) + (width**2 + width)
    counts = count_weights(card("large"))
    assert counts["forward_model"] == blocks + ends + condition
    assert sum(counts.values()) == pytest.approx(505e6, rel=0.01)
    assert card("large").latent_action_dim == 128


def test_sizes_grow_from_one_preset_to_the_next():
    sums = [sum(count_weights(card(preset)).values()) for preset in PRESETS]
    assert all(later > 2 * before for before, later in pairwise(sums))


@pytest.mark.parametrize("bottleneck", ["noise", "discrete"])
def test_the_footprint_by_hand(bottleneck, monkeypatch):
    monkeypatch.setattr(world_model, "BATCH", 3)
    model = WorldModel(card("tiny", bottleneck={"name": bottleneck}))
    found = measure_step(model, frames=4)
    assert found.shape == (3, 4, 1, card("tiny").encoder["dim"])
    assert found.weights == 4 * sum(parameter.numel() for parameter in model.parameters())
    counts = count_weights(model.card)
    assert found.gradients == 4 * sum(
        counts[part] for part in ("inverse_dynamics", "forward_model", "bottleneck")
    )
    assert found.optimizer == 2 * found.gradients
    assert found.together == found.weights + found.gradients + found.optimizer + found.activations


def test_activations_grow_with_the_batch_and_hold_no_weights(monkeypatch):
    model, activations = WorldModel(card("tiny")), []
    for batch in (8, 16, 32):
        monkeypatch.setattr(world_model, "BATCH", batch)
        activations.append(measure_step(model, frames=3).activations)
    first, second = activations[1] - activations[0], activations[2] - activations[1]
    assert second == pytest.approx(2 * first, rel=0.05)
    assert activations[0] == pytest.approx(first, rel=0.2)


@pytest.mark.parametrize("preset", ["small", "large"])
def test_a_step_of_training_moves_every_network_that_it_trains(preset, monkeypatch):
    if preset == "large" and free_memory() < NEEDED:
        pytest.skip("needs 10 GB of free memory")
    monkeypatch.setattr(world_model, "BATCH", 2)
    sizes = card(preset)
    # Two blocks each: all are alike.
    networks = {
        name: replace(getattr(sizes, name), depth=2) for name in ("inverse_dynamics", "forward_model")
    }
    model = WorldModel(replace(sizes, **networks))
    parts = (model.forward_model.read, model.inverse_dynamics.place, model.controller, model.goal_distance)
    before = [torch.nn.utils.parameters_to_vector(_parameters(part)).clone() for part in parts]
    found = measure_step(model, frames=2)
    after = [torch.nn.utils.parameters_to_vector(_parameters(part)) for part in parts]
    moved = [not torch.equal(first, second) for first, second in zip(before, after, strict=True)]
    assert moved == [True, True, False, False]
    assert all(vector.isfinite().all() for vector in after)
    assert found.seconds > 0


def _parameters(part):
    return [part] if isinstance(part, torch.nn.Parameter) else list(part.parameters())


# The command


def called(*arguments):
    return CliRunner().invoke(app, ["train", *map(str, arguments)], env={"COLUMNS": "200"})


@pytest.mark.parametrize("more", [(), ("--action-labelled",)])
def test_a_dry_run_reads_no_data_and_writes_nothing(more, tmp_path, monkeypatch):
    monkeypatch.setattr(world_model, "BATCH", 4)
    taken = write_checkpoint(tmp_path / "encoder", ARM)
    result = called(
        tmp_path / "no bag", "--out", tmp_path / "out", "--dry-run", "--encoder-from", taken, *more
    )
    assert result.exit_code == 0, result.output
    lines = [line.split() for line in result.output.splitlines()]
    assert [line[0] for line in lines[:4]] == ["encoder", "bottleneck", "inverse_dynamics", "forward_model"]
    assert "clips of 7 frames of 1 x 8:" in result.output
    assert [line[0] for line in lines[-5:]] == [
        "weights",
        "gradients",
        "optimizer",
        "activations",
        "together",
    ]
    assert not (tmp_path / "out").exists()


def test_an_unknown_preset_is_told_with_those_there_are(tmp_path):
    result = called(tmp_path / "no bag", "--out", tmp_path / "out", "--preset", "huge")
    assert result.exit_code == 2
    for word in ("huge", *PRESETS):
        assert word in result.output
