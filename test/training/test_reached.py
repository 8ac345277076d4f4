"""When a goal is reached: found on some episodes, its errors on others."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from checkpoint_harness import small_model
from training_harness import ARM, trained
from typer.testing import CliRunner

from wm_ros.cli import app
from wm_ros.models.card import add_to_card
from wm_ros.models.checkpoint import load_checkpoint, save_checkpoint
from wm_ros.robots.profile import load_profile
from wm_ros.training.clips import Clips
from wm_ros.training.optimise import TrainingError
from wm_ros.training.reached import calibrate


class Line(torch.nn.Module):
    """The place is the first number of the state."""

    def embed(self, states):
        return states[..., 0, :1]


@pytest.fixture
def model():
    model = small_model(ARM)
    model.goal_distance = Line()
    return model


def along(*places):
    """Clips of 8 steps from every frame of one episode in which the state moves along these places."""
    states = torch.zeros(len(places), 1, 8)
    states[:, 0, 0] = torch.tensor(places, dtype=torch.float32)
    successors = np.append(np.arange(1, len(places)), -1)
    return Clips(states, np.arange(len(places) - 8), successors, 8, None)


def test_the_threshold_is_what_a_step_changes_and_its_errors_are_counted(model):
    steady = along(*(0.5 * k for k in range(30)))
    found = calibrate(model, steady, steady)
    assert (found.distance, found.near, found.far) == (0.5, 1.0, 0.0)
    faster = along(*(0.7 * k for k in range(30)))
    assert calibrate(model, steady, faster).near == 0.0
    back_and_forth = along(*(0.5 * (k % 2) for k in range(30)))
    assert calibrate(model, steady, back_and_forth).far == 1.0


def test_for_a_base_it_is_at_least_a_step_at_full_rate(model):
    model.card = replace(model.card, robot=load_profile("rover"))
    found = calibrate(model, along(*(0.5 * k for k in range(30))), along(*(0.7 * k for k in range(30))))
    assert (found.distance, found.near, found.far) == (1.0, 1.0, 0.0)


def test_where_nothing_moves_nothing_can_be_calibrated(model):
    with pytest.raises(TrainingError, match="nothing differs between frames a model step apart"):
        calibrate(model, along(*np.ones(20)), along(*np.ones(20)))


def test_training_writes_it_into_the_card(recording, tmp_path, short_probe):
    model, _ = trained(recording, tmp_path / "new")
    reached = load_checkpoint(tmp_path / "new").card.reached
    assert reached == model.card.reached
    assert reached.distance > 0.0
    assert 0.0 <= reached.far <= 1.0


def test_a_checkpoint_from_before_is_calibrated_by_a_command(bag, tmp_path):
    save_checkpoint(small_model(ARM, weight=0.3), tmp_path)
    before = (tmp_path / "weights.safetensors").read_bytes()
    assert "reached" not in json.loads((tmp_path / "card.json").read_text())
    add_to_card(tmp_path, "decoder", {"kept": True})
    result = CliRunner().invoke(app, ["calibrate", str(bag), "--checkpoint", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "a goal is reached at" in result.output
    assert load_checkpoint(tmp_path).card.reached.distance > 0.0
    assert json.loads((tmp_path / "card.json").read_text())["decoder"] == {"kept": True}
    assert (tmp_path / "weights.safetensors").read_bytes() == before
