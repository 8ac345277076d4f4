"""Training of every kind of latent action and controller, by the library and by the command."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("mujoco")
pytest.importorskip("rosbags")

import torch
from checkpoint_harness import small_model, write_checkpoint
from small_bag import record_small_bag
from typer.testing import CliRunner

from wm_ros.cli import app
from wm_ros.data.load import load_recording
from wm_ros.models.bottlenecks.build import complete_options
from wm_ros.models.bottlenecks.option import BottleneckError
from wm_ros.models.checkpoint import load_checkpoint
from wm_ros.robots.profile import load_profile
from wm_ros.training import scores
from wm_ros.training.train import TrainOptions, train

ARM = load_profile("arm")
BRIEF = TrainOptions(seed=3).scaled(0.001)
HEALTH = {
    "noise": {"kl", "active_dimensions", "variance"},
    "sparse": {"l1", "active_dimensions", "variance"},
    "discrete": {"codes_used", "perplexity", "active_dimensions", "variance"},
    "none": {"active_dimensions", "variance"},
    "deterministic": {"active_dimensions", "variance"},
}


@pytest.fixture(scope="module")
def bag(tmp_path_factory):
    return record_small_bag(tmp_path_factory.mktemp("recorded"))


@pytest.fixture(scope="module")
def recording(bag):
    return load_recording(bag, ARM)


@pytest.fixture(autouse=True)
def short_probe(monkeypatch):
    monkeypatch.setattr(scores, "PROBE_STEPS", 5)


def trained(recording, folder, options):
    """The model, its held-out scores, and the figures of the last step of each phase."""
    last = {}

    def phases(name, steps):
        return lambda step, figures: last.__setitem__(name, figures)

    found = train(recording, folder, options, "a test", phases, encoder_of=small_model(ARM, weight=0.3))
    return load_checkpoint(folder), found, last


@pytest.mark.parametrize("name", HEALTH)
def test_every_bottleneck_trains_and_tells_its_health(recording, tmp_path, name):
    model, found, last = trained(recording, tmp_path / name, replace(BRIEF, bottleneck={"name": name}))
    assert model.card.bottleneck == complete_options({"name": name})
    assert set(last["world model"]) == {"error_to_copy", *HEALTH[name]}
    assert HEALTH[name] | {"leakage", "cycle", "action_gap_shuffled", "action_gap_zero"} <= set(found)
    assert np.isfinite(list(found.values())).all()
    metrics, each = model.card.metrics, model.card.training["per_dimension"]
    assert len(each["variance_per_dimension"]) == 4
    assert metrics["variance"] == pytest.approx(np.mean(each["variance_per_dimension"]), abs=1e-3)
    assert ("kl_per_dimension" in each) == (name == "noise")
    if name == "noise":
        assert metrics["kl"] == pytest.approx(sum(each["kl_per_dimension"]), abs=1e-3)


def test_a_deterministic_model_has_no_action_gap_and_no_controller(recording, tmp_path):
    model, found, _ = trained(
        recording, tmp_path / "model", replace(BRIEF, bottleneck={"name": "deterministic"})
    )
    assert found["action_gap_shuffled"] == 1.0
    assert found["action_gap_zero"] == 1.0
    assert found["controller_gap"] == pytest.approx(1.0)
    assert not list(model.controller.parameters())


def test_a_code_book_is_trained_and_saved(recording, tmp_path):
    options = replace(BRIEF, world_model_steps=5, bottleneck={"name": "discrete", "codes": 8})
    model, _, _ = trained(recording, tmp_path / "model", options)
    assert model.bottleneck.codes.shape == (8, 4)
    assert model.bottleneck.codes.unique(dim=0).shape[0] > 4
    z = model.infer(torch.randn(6, 1, 8), torch.randn(6, 1, 8))
    assert all((code == model.bottleneck.codes).all(dim=1).any() for code in z)


def test_an_action_only_controller_is_trained_by_the_same_command(bag, tmp_path):
    taken = write_checkpoint(tmp_path / "encoder", ARM, weight=0.3)
    out = tmp_path / "model"
    result = called(bag, "--out", out, "--encoder-from", taken, "--controller", "action-only")
    assert result.exit_code == 0, result.output
    model = load_checkpoint(out)
    assert model.card.controller_kind == "action-only"
    assert model.card.training["options"]["controller"] == "action-only"
    fresh = small_model(
        ARM, latent_action_dim=4, controller_kind="action-only", controller=model.card.controller
    )
    assert set(model.controller.state_dict()) == set(fresh.controller.state_dict())


# The command


def called(*arguments):
    brief = ("--effort", "0.001", "--seed", "3", "--num-threads", "1")
    return CliRunner().invoke(app, ["train", *map(str, arguments), *brief], env={"COLUMNS": "300"})


def test_the_command_hands_on_the_bottleneck_and_warns_of_what_it_became(bag, tmp_path):
    taken = write_checkpoint(tmp_path / "encoder", ARM, weight=0.3)
    out = tmp_path / "model"
    result = called(bag, "--out", out, "--encoder-from", taken, "--bottleneck", "discrete", "--codes", "8")
    assert result.exit_code == 0, result.output
    assert load_checkpoint(out).card.bottleneck == {"name": "discrete", "codes": 8}
    # After two steps of training.
    assert "warning: the forward model ignores the latent action" in result.output
    assert "perplexity" in result.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--codes", "8"), "codes is no option of the bottleneck 'noise'; its options: beta"),
        (("--bottleneck", "none", "--l1", ".1"), "l1 is no option of the bottleneck 'none'; it has none"),
        (("--bottleneck", "discrete", "--codes", "1"), "codes must be an integer from 2 to 32768, got 1"),
        (("--beta", "-1"), "beta must be a number from 0 to 10, got -1"),
    ],
)
def test_options_that_do_not_fit_are_told_before_the_bag_is_read(arguments, said, tmp_path):
    result = called(tmp_path / "no bag", "--out", tmp_path / "out", *arguments)
    assert isinstance(result.exception, BottleneckError)
    assert said in str(result.exception)


@pytest.mark.parametrize(
    "arguments",
    [("--beta", ".1"), ("--bottleneck", "sparse"), ("--controller", "action-only"), ("--no-joint",)],
)
def test_the_action_labelled_baseline_has_neither_bottleneck_nor_controller(arguments, tmp_path):
    result = called(tmp_path / "no bag", "--out", tmp_path / "out", "--action-labelled", *arguments)
    assert result.exit_code == 2
    assert "neither bottleneck nor controller" in result.output
