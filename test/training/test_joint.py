"""World model and controller together in the end: what no command can tell, a plan does not rely on."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from wm_ros.models.card import Network
from wm_ros.models.world_model import WorldModel
from wm_ros.robots.profile import load_profile
from wm_ros.training.clips import Clips
from wm_ros.training.controller import train_controller, train_controller_rollouts, train_jointly
from wm_ros.training.engine import Engine
from wm_ros.training.optimise import Schedule
from wm_ros.training.scores import controller_error
from wm_ros.training.train import TrainOptions, new_card
from wm_ros.training.world_model import train_world_model

ARM = load_profile("arm")
STEPS = 100
SMALL = Network(32, 1, 2)
CARD = replace(new_card(ARM, TrainOptions()), inverse_dynamics=SMALL, forward_model=SMALL, controller=SMALL)


def some_clips(seed, count=300, length=5):
    """Episodes in which two numbers of the state follow the commands, and two others what nobody commanded."""
    generator = np.random.default_rng(seed)
    actions = generator.uniform(-1.5, 1.5, (count, length, 2)).astype(np.float32)
    moved = np.zeros((count, length, 8), np.float32)
    moved[..., :2] = actions
    moved[..., 2:4] = generator.normal(0.0, 1.0, (count, length, 2))
    states = np.concatenate([np.zeros((count, 1, 8), np.float32), moved[:, :-1].cumsum(axis=1)], axis=1)
    frames = np.arange(count * length)
    return Clips(
        torch.from_numpy(states.reshape(-1, 1, 8)),
        frames[::length],
        frames + 1,
        length - 1,
        actions.reshape(-1, 2),
    )


def silent(step, figures):
    pass


@pytest.fixture(scope="module")
def figures():
    """Errors from robot actions on other clips: of the controller alone and of both together, after equal steps."""
    clips, others = some_clips(0), some_clips(1)
    schedule, engine = Schedule(STEPS, 0, silent), Engine()
    torch.manual_seed(0)
    alone = WorldModel(CARD)
    train_world_model(alone, clips, schedule, engine)
    for part in (alone.encoder, alone.inverse_dynamics, alone.forward_model):
        part.requires_grad_(False)
    train_controller(alone, clips, schedule, engine)
    together = deepcopy(alone)
    train_controller_rollouts(alone, clips, schedule, engine)
    train_jointly(together, clips, clips, schedule, engine)
    known = others.labelled(np.arange(len(others)))
    found = {"apart": controller_error(alone, *known), "together": controller_error(together, *known)}
    return found


def test_the_error_from_robot_actions_falls_to_what_commands_can_tell(figures):
    # Of two numbers each: a variance of 1 that nobody commanded, and one of 1.5^2 / 3 that follows the commands.
    floor = 1.0 / (1.0 + 1.5**2 / 3.0)
    assert floor < figures["together"] < figures["apart"]
