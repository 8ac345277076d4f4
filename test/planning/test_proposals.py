"""Candidates that the networks suggest: they lead where they say."""

import pytest

pytest.importorskip("torch")

import torch
from checkpoint_harness import small_model

from wm_ros.planning.proposals import by_displacement, by_way_back
from wm_ros.robots.profile import load_profile


@pytest.mark.parametrize("held", [1, 2, 5])
@pytest.mark.parametrize("left", [[3.0, -1.2], [0.4, 0.1], [-7.9, 8.0], [0.0, 0.0]])
def test_both_ways_end_at_the_goal_within_the_full_rate(left, held):
    left = torch.tensor(left)
    ways = by_displacement(left, knots=10, held=held)
    assert ways.shape == (2, 10, 2)
    assert (ways.abs() <= 1.0 + 1e-6).all()
    torch.testing.assert_close(held * ways.sum(dim=1), left.expand(2, -1), rtol=1e-5, atol=1e-5)


def test_one_way_is_fast_and_the_other_arrives_together():
    fast, together = by_displacement(torch.tensor([4.0, -2.0]), knots=6, held=1)
    assert fast[:, 0].tolist() == [1, 1, 1, 1, 0, 0]
    assert fast[:, 1].tolist() == [-1, -1, 0, 0, 0, 0]
    assert together[:, 1].tolist() == [-0.5, -0.5, -0.5, -0.5, 0, 0]


def test_what_is_too_far_is_gone_towards_at_the_full_rate():
    fast, together = by_displacement(torch.tensor([40.0, -20.0]), knots=3, held=2)
    assert fast.tolist() == [[1.0, -1.0]] * 3
    assert together.tolist() == [[1.0, -0.5]] * 3


def test_the_way_back_is_one_step_of_the_action_behind_the_latent_action():
    model = small_model(load_profile("arm"), weight=0.3)
    state, goal = torch.randn(2, 1, 8, generator=torch.Generator().manual_seed(0))
    way = by_way_back(model, state, goal, knots=4, held=2)
    action = model.robot_action(model.infer(state[None], goal[None]), state[None])[0]
    assert way.shape == (1, 4, 2)
    assert action.abs().max() > 1e-3
    torch.testing.assert_close(2 * way[0, 0], action)
    assert not way[0, 1:].any()
