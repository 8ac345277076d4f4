"""A camera that rides along: commands say where its frames were taken, and teach the encoder and the goal distance."""

import numpy as np
import pytest
import torch
from checkpoint_harness import small_model
from torch import nn
from training_harness import ARM, BRIEF, Phases

from wm_ros.data.load import load_recording
from wm_ros.data.recording import Commands, Recording
from wm_ros.models.checkpoint import load_checkpoint
from wm_ros.robots.profile import load_profile
from wm_ros.tasks.record import record_sim
from wm_ros.training.odometry import Odometry
from wm_ros.training.train import train

ROVER = load_profile("rover")
FRAMES, FRAME_S = 21, 0.1
RATES = np.array([0.3, 0.8])  # a circle of .375 m


def circling(unlabelled=()):
    """Two episodes in which the rover drives a circle."""
    stamps = np.concatenate([np.arange(FRAMES), 100 + np.arange(FRAMES)]) * round(FRAME_S * 1e9)
    commands = Commands(stamps, np.tile(RATES, (2 * FRAMES, 1)), FRAME_S)
    pictures = np.zeros((2 * FRAMES, 8, 8, 3), np.uint8)
    episodes = (slice(0, FRAMES), slice(FRAMES, 2 * FRAMES))
    return Recording(ROVER, pictures, stamps, episodes, commands, unlabelled)


def odometry(recording):
    """With a head that takes a state for the place itself."""
    made = Odometry(recording, small_model(ROVER, action_scale=(0.6, 1.5)))
    made.head.embed = nn.Flatten(-2)
    return made


def on_the_circle(circle, turned=0.7, aside=3.0):
    """Where the frames of an episode were taken [F, 1, 4], in a room whose axes are others."""
    heading = RATES[1] * FRAME_S * np.arange(FRAMES) + turned
    radius = RATES[0] / RATES[1] / (0.6 * ROVER.model_dt)  # in steps at full rate
    place = [
        radius * np.sin(heading) + aside,
        -radius * np.cos(heading),
        circle * np.cos(heading),
        circle * np.sin(heading),
    ]
    return torch.tensor(np.stack(place, axis=-1)[:, None], dtype=torch.float32)


def test_places_by_the_commands_cost_nothing_in_whatever_frame_of_reference():
    taught = odometry(circling())
    rows = np.array([[3, 17, 9, 0], [FRAMES + 20, FRAMES + 1, FRAMES + 5, FRAMES + 19]])
    there = on_the_circle(taught.head.heading_radius)
    elsewhere = on_the_circle(taught.head.heading_radius, turned=-2.0, aside=-1.0)
    states = torch.stack([there[rows[0]], elsewhere[rows[1] - FRAMES]])
    assert float(taught(states, rows)) == pytest.approx(0.0, abs=1e-6)
    states[0, 1, 0, 1] += 1.0  # one frame a step aside: seen from two others
    assert float(taught(states, rows)) > 0.05


def test_frames_whose_commands_are_not_known_teach_nothing():
    taught = odometry(circling(unlabelled=(1,)))
    rows = np.array([[FRAMES, FRAMES + 8, FRAMES + 20]])
    states = torch.randn(1, 3, 1, 4, requires_grad=True)
    error = taught(states, rows)
    error.backward()
    assert error.item() == 0.0
    assert not states.grad.any()


@pytest.mark.parametrize("robot", [ROVER, ARM], ids=lambda robot: robot.name)
def test_only_a_camera_that_rides_along_is_taught(robot, tmp_path, short_probe):
    record_sim(robot, tmp_path / "bag", episodes=6, seconds=5.0)
    phases = Phases()
    found = train(load_recording(tmp_path / "bag", robot), tmp_path / "model", BRIEF, "a test", phases)
    assert ("displacement" in phases.figures["encoder"][0]) == robot.camera.moves
    model = load_checkpoint(tmp_path / "model")
    assert model.encoder.dim == (16 if robot.camera.moves else 8)
    assert np.isfinite(list(found.values())).all()
