"""Plan error on worlds in which the right plan is known."""

from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from wm_ros.data.recording import Commands, Recording
from wm_ros.evaluation.plan_error import (
    CLIPS,
    StartGoalPairs,
    displacement_unit,
    plan_error,
    planned_displacement,
    random_displacement,
    recorded_pairs,
)
from wm_ros.robots.profile import load_profile

ARM = load_profile("arm")


class Pointer:
    """A world whose state is the place itself, which actions move; `share` of them, for a model that is wrong."""

    card = SimpleNamespace(robot=ARM)

    def __init__(self, share=1.0):
        self.share = share

    def rollout(self, state, actions):
        return state[:, None] + self.share * ARM.model_dt * actions.cumsum(dim=1)[:, :, None]


def walk(seconds=40.0, episodes=2):
    """A recording of random commands, each held for a model step, and the places [F, 1, 2] they lead to."""
    count = round(seconds * ARM.model_rate_hz)
    rates = np.random.default_rng(0).uniform(-1.2, 1.2, (count, 2))
    stamps = round(1e9 * ARM.model_dt) * np.arange(count + 1)
    places = np.concatenate([np.zeros((1, 2)), np.cumsum(rates * ARM.model_dt, axis=0)])
    commands = Commands(stamps[:-1], rates, timeout_s=ARM.model_dt)
    cuts = np.linspace(0, count + 1, episodes + 1).round().astype(int)
    slices = tuple(slice(*ends) for ends in pairwise(cuts))
    frames = np.empty((count + 1, 0, 0, 3), np.uint8)
    recording = Recording(ARM, frames, stamps, slices, commands)
    return recording, torch.tensor(places, dtype=torch.float32)[:, None]


def error(model, recording, latents, seed=0):
    pairs = recorded_pairs(recording, np.arange(len(recording.episodes)))
    return plan_error(ARM, pairs, planned_displacement(model, latents, pairs, seed, lambda done: None))["rad"]


def test_ways_lead_three_steps_on_within_the_episodes_asked_for():
    recording, places = walk()
    pairs = recorded_pairs(recording, np.array([1]))
    assert (pairs.goals - pairs.starts == 3).all()
    assert pairs.starts.min() >= recording.episodes[1].start
    assert len(np.unique(pairs.starts)) == len(pairs.starts) == 98
    np.testing.assert_allclose(
        pairs.displacement, (places[pairs.goals] - places[pairs.starts])[:, 0], atol=1e-5
    )


def test_no_more_ways_than_needed_and_the_same_every_time():
    recording, _ = walk(seconds=100.0)
    pairs = recorded_pairs(recording, np.arange(2))
    assert len(pairs.starts) == CLIPS
    assert (pairs.starts == recorded_pairs(recording, np.arange(2)).starts).all()


def test_a_model_of_the_world_plans_what_was_done():
    recording, places = walk()
    assert error(Pointer(), recording, places) < 0.02


def test_a_model_that_is_half_wrong_errs_by_as_much():
    recording, places = walk()
    pairs = recorded_pairs(recording, np.arange(2))
    # It plans for two thirds of the way.
    expected = np.linalg.norm(pairs.displacement, axis=1).mean() / 3
    assert error(Pointer(share=1.5), recording, places) == pytest.approx(expected, rel=0.1)


def test_plans_stay_within_the_limits():
    recording, places = walk()
    pairs = recorded_pairs(recording, np.arange(2))
    displacement = planned_displacement(Pointer(), 100.0 * places, pairs, 0, lambda done: None)
    most = 3 * ARM.model_dt * ARM.high
    assert (np.abs(displacement) <= most + 1e-6).all()
    assert np.abs(displacement).max() == pytest.approx(most[0], rel=1e-3)


def test_the_same_seed_plans_the_same_and_says_how_far_it_is():
    recording, places = walk(seconds=4.0)
    pairs, told = recorded_pairs(recording, np.arange(2)), []
    first = planned_displacement(Pointer(), places, pairs, 1, told.append)
    assert told == list(range(1, len(pairs.starts) + 1))
    assert (first == planned_displacement(Pointer(), places, pairs, 1, told.append)).all()
    assert (first != planned_displacement(Pointer(), places, pairs, 2, told.append)).any()


def test_the_error_by_hand():
    pairs = StartGoalPairs(np.zeros(2, int), np.ones(2, int), np.array([[0.3, 0.4], [1.0, 1.0]]))
    assert plan_error(ARM, pairs, np.zeros((2, 2)))["rad"] == pytest.approx((0.5 + 2**0.5) / 2)
    assert plan_error(ARM, pairs, pairs.displacement) == {"rad": 0.0}


def test_units_are_not_mixed():
    lift = replace(ARM.action[1], unit="m/s")
    robot = replace(ARM, action=(ARM.action[0], lift))
    pairs = StartGoalPairs(np.zeros(1, int), np.ones(1, int), np.array([[0.3, 0.4]]))
    assert plan_error(robot, pairs, np.zeros((1, 2))) == pytest.approx({"rad": 0.3, "m": 0.4})
    assert displacement_unit("1") == "1 s"


def test_random_plans_are_within_the_limits_and_not_at_rest():
    recording, _ = walk()
    pairs = recorded_pairs(recording, np.arange(2))
    displacement = random_displacement(ARM, pairs, 0)
    assert displacement.shape == pairs.displacement.shape
    assert (np.abs(displacement) <= 3 * ARM.model_dt * ARM.high).all()
    # Three independent uniform rates.
    assert displacement.std() == pytest.approx(1.5 * ARM.model_dt, rel=0.15)
    assert (displacement != random_displacement(ARM, pairs, 1)).all()
