"""Costs of candidates: summed along what the model imagines, with what the robot does anyway held fixed."""

import pytest

pytest.importorskip("torch")

import torch
from checkpoint_harness import small_model

from wm_ros.planning.rollout import LATENT_WEIGHT, LatentRollout, committed_share
from wm_ros.robots.profile import load_profile

STEPS = 4


def rollout_of(world, committed=None, share=None, chunk=None):
    model, state, goal, _, _ = world
    committed = torch.zeros(STEPS, 2) if committed is None else committed
    share = torch.zeros(STEPS) if share is None else share
    imagine = model.imaginer()(state[None])
    return LatentRollout(imagine, model.goal_distance, state, goal, committed, share, chunk=chunk)


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
    model, state, goal, actions, _ = world
    rollout = rollout_of(world)
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


def test_a_distance_of_things_takes_nothing_off_for_what_moves_without_being_told(world):
    model = small_model(load_profile("arm"), weight=0.3, goal_distance="temporal")
    _, state, goal, actions, _ = world
    distances = rollout_of((model, state, goal, actions, None)).distances(actions)
    for candidate in range(7):
        imagined = model.rollout(state[None], actions[candidate : candidate + 1])[0]
        torch.testing.assert_close(
            distances[candidate], model.goal_distance(imagined, goal), rtol=1e-4, atol=1e-3
        )


def test_what_the_goal_distance_takes_for_the_same_the_latents_tell_apart(world):
    model, state, goal, actions, _ = world
    flat = rollout_of(world).distances(actions)
    model.goal_distance.latent_step.fill_(2.5)
    distances = rollout_of(world).distances(actions)
    still = model.rollout(state[None], torch.zeros(1, STEPS, 2))[0]
    for candidate in range(7):
        moved = model.rollout(state[None], actions[candidate : candidate + 1])[0] - still + state
        latent_steps = (moved - goal).flatten(1).norm(dim=1) / 2.5
        by_hand = flat[candidate] + LATENT_WEIGHT * latent_steps
        torch.testing.assert_close(distances[candidate], by_hand, rtol=1e-4, atol=1e-4)


def test_a_robot_that_is_told_nothing_stays(world):
    model, state, goal, actions, _ = world
    rollout = rollout_of(world)
    distances = rollout.distances(torch.zeros_like(actions))
    torch.testing.assert_close(distances, model.goal_distance(state, goal).expand(7, STEPS))


def test_a_step_that_is_committed_ignores_the_candidates(world):
    *_, actions, committed = world
    rollout = rollout_of(world, committed, torch.tensor([1.0, 1.0, 0.0, 0.0]))
    costs = rollout(actions)
    early, late = actions.clone(), actions.clone()
    early[:, :2] += 1.0
    late[:, 2] += 1.0
    torch.testing.assert_close(rollout(early), costs)
    assert ((rollout(late) - costs).abs() > 1e-4).all()
    together = rollout.distances(actions)[:, :2]
    torch.testing.assert_close(together, together[:1].expand(7, -1))


def test_a_share_of_a_step_mixes_both(world):
    *_, actions, committed = world
    share = torch.tensor([1.0, 0.25, 0.0, 0.0])
    mixed = actions.clone()
    mixed[:, 0] = committed[0]
    mixed[:, 1] = 0.25 * committed[1] + 0.75 * actions[:, 1]
    expected = rollout_of(world)(mixed)
    torch.testing.assert_close(rollout_of(world, committed, share)(actions), expected)


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 100])
def test_how_many_are_imagined_at_once_changes_nothing(world, chunk):
    actions = world[3]
    expected = rollout_of(world)(actions)
    rollout = rollout_of(world, chunk=chunk)
    for _ in range(2):
        torch.testing.assert_close(rollout(actions), expected, rtol=1e-5, atol=1e-5)


def test_the_order_of_the_candidates_changes_nothing(world):
    actions, order = world[3], torch.tensor([3, 1, 6, 0, 5, 2, 4])
    torch.testing.assert_close(rollout_of(world)(actions[order]), rollout_of(world)(actions)[order])


def test_the_goal_distance_is_that_of_the_state(world):
    model, state, goal, _, _ = world
    torch.testing.assert_close(rollout_of(world).goal_distance, model.goal_distance(state, goal))
