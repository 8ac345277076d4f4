"""Costs of candidates: summed along what the model imagines, with what the robot does anyway held fixed."""

import pytest

pytest.importorskip("torch")

import torch
from checkpoint_harness import small_model

from wm_ros.planning.rollout import LatentRollout, committed_share
from wm_ros.robots.profile import load_profile

STEPS = 4


@pytest.fixture
def world():
    """A model, a state, a goal, candidates [7, 4, 2] and what the robot does anyway [4, 2]."""
    generator = torch.Generator().manual_seed(1)
    model = small_model(load_profile("arm"), weight=0.3)
    draw = [torch.randn(shape, generator=generator) for shape in ((1, 8), (1, 8), (7, STEPS, 2), (STEPS, 2))]
    return model, *draw


@pytest.mark.parametrize(
    ("lead_s", "expected"),
    [
        (0.0, [0, 0, 0, 0]),
        (0.05, [0.25, 0, 0, 0]),
        (0.2, [1, 0, 0, 0]),
        (0.3, [1, 0.5, 0, 0]),
        (0.8, [1, 1, 1, 1]),
        (9.0, [1, 1, 1, 1]),
    ],
)
def test_the_share_of_each_step_that_has_passed_before_the_plan_takes_effect(lead_s, expected):
    torch.testing.assert_close(committed_share(lead_s, 0.2, 4), torch.tensor(expected, dtype=torch.float32))


def test_the_cost_is_the_sum_of_the_distances_along_the_imagined_way_less_the_drift_of_standing_still(world):
    model, state, goal, actions, committed = world
    rollout = LatentRollout(model, state, goal, committed, torch.zeros(STEPS))
    distances = rollout.distances(actions)
    assert distances.shape == (7, STEPS)
    embed = model.goal_distance.embed
    still = model.rollout(state[None], torch.zeros(1, STEPS, 2))[0]
    assert (model.goal_distance(still, state) > 1e-2).all()  # it does drift
    for candidate in range(7):
        imagined = model.rollout(state[None], actions[candidate : candidate + 1])[0]
        moved = embed(imagined) - embed(still) + embed(state)
        by_hand = (moved - embed(goal)).norm(dim=-1)
        torch.testing.assert_close(distances[candidate], by_hand, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(rollout(actions), distances.sum(dim=1))
    assert rollout(actions).std() > 1e-3


def test_a_robot_that_is_told_nothing_stays(world):
    model, state, goal, actions, committed = world
    rollout = LatentRollout(model, state, goal, committed, torch.zeros(STEPS))
    distances = rollout.distances(torch.zeros_like(actions))
    torch.testing.assert_close(distances, model.goal_distance(state, goal).expand(7, STEPS))


def test_a_step_that_is_committed_ignores_the_candidates(world):
    model, state, goal, actions, committed = world
    rollout = LatentRollout(model, state, goal, committed, torch.tensor([1.0, 1.0, 0.0, 0.0]))
    costs = rollout(actions)
    early, late = actions.clone(), actions.clone()
    early[:, :2] += 1.0
    late[:, 2] += 1.0
    torch.testing.assert_close(rollout(early), costs)
    assert ((rollout(late) - costs).abs() > 1e-4).all()
    together = rollout.distances(actions)[:, :2]
    torch.testing.assert_close(together, together[:1].expand(7, -1))


def test_a_share_of_a_step_mixes_both(world):
    model, state, goal, actions, committed = world
    share = torch.tensor([1.0, 0.25, 0.0, 0.0])
    mixed = actions.clone()
    mixed[:, 0] = committed[0]
    mixed[:, 1] = 0.25 * committed[1] + 0.75 * actions[:, 1]
    expected = LatentRollout(model, state, goal, torch.zeros(STEPS, 2), torch.zeros(STEPS))(mixed)
    torch.testing.assert_close(LatentRollout(model, state, goal, committed, share)(actions), expected)
