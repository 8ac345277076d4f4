"""Losses and scores on states whose answers are known."""

import copy

import numpy as np
import pytest
import torch
from checkpoint_harness import small_model
from training_harness import ARM, Phases

from wm_ros.training import scores
from wm_ros.training.clips import Clips
from wm_ros.training.engine import Engine
from wm_ros.training.goal_distance import train_goal_distance
from wm_ros.training.optimise import Schedule
from wm_ros.training.r2 import r2
from wm_ros.training.sigreg import sigreg


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
    train_goal_distance(model, clips, Schedule(250, 0, phases("goal distance", 250)), Engine())
    states, actions = clips.take(np.arange(400))
    way = (actions / model.action_scale).sum(dim=1).norm(dim=1)
    ends = zip(states[:, 0], states[:, -1], strict=True)
    with torch.no_grad():
        found = torch.stack([model.goal_distance(first, last) for first, last in ends])
    assert r2(way[:, None].numpy(), found[:, None].numpy()) > 0.9
    assert phases.figures["goal distance"][-1]["displacement"] < 0.2
    moved = (states[:, 1:] - states[:, :-1]).flatten(2).norm(dim=-1)
    commanded = (actions / model.action_scale).norm(dim=-1)
    found = float(model.goal_distance.latent_step)
    assert found == pytest.approx(float(moved[:, 0].sum() / commanded[:, 0].sum()), rel=1e-4)


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
