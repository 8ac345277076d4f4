"""A demonstration is followed as it was shown: no faster, nothing left out, and waited with where the robot is not."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from checkpoint_harness import small_model

from wm_ros.planning.demonstration import Demonstration
from wm_ros.planning.options import PlannerOptions
from wm_ros.robots.profile import load_profile
from wm_ros.stages.follow import Follower
from wm_ros.stages.plan import PlanStage

ARM = load_profile("arm")
STEP_NS = 200_000_000
THERE_AND_BACK = [0.0, 1.0, 2.0, 3.0, 2.0, 1.0, 0.0]


@pytest.fixture(scope="module")
def model():
    return small_model(ARM, weight=0.3)


def states(count, seed=0):
    return torch.randn(count, 1, 8, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def shown(model):
    """A demonstration along a line, so that places are known."""
    demonstration = Demonstration(model, states(len(THERE_AND_BACK)))
    demonstration.places = torch.tensor(THERE_AND_BACK)[:, None]
    return demonstration


def at(place):
    return torch.tensor([float(place)])


def test_the_moment_goes_on_with_time_where_the_robot_is_and_leaves_no_turn_out(shown):
    follower = Follower(shown, 0.5)
    seen = []
    for place in THERE_AND_BACK:
        follower(at(place), 1.0 if seen else 0.0)
        seen.append((follower.at, follower.near, follower.left))
    assert seen == [(float(step), True, 6.0 - step) for step in range(7)]


def test_time_does_not_count_while_the_robot_is_elsewhere_and_it_is_to_go_where_it_left_the_way(shown):
    follower = Follower(shown, 0.5)
    for _ in range(9):
        follower(at(-2.0), 1.0)
    assert (follower.at, follower.near, follower.left) == (0.0, False, 8.0)
    torch.testing.assert_close(follower.goals(4), shown.states[:1].expand(4, -1, -1))
    follower(at(-0.4), 1.0)
    assert (follower.at, follower.near) == (1.0, True)
    torch.testing.assert_close(follower.goals(9), shown.states[[2, 3, 4, 5, 6, 6, 6, 6, 6]])


def test_a_robot_that_is_a_little_ahead_goes_on_from_there(shown):
    follower = Follower(shown, 0.5)
    follower(at(2.0), 0.0)
    assert (follower.at, follower.near, follower.left) == (2.0, True, 4.0)


def test_a_robot_that_comes_no_nearer_is_not_waited_for_unless_it_is_far(shown):
    follower = Follower(shown, 0.5)
    for _ in range(6):
        follower(at(-0.9), 1.0)
    assert (follower.at, follower.near) == (1.0, True)
    far = Follower(shown, 0.5)
    for _ in range(60):
        far(at(-1.1), 1.0)
    assert (far.at, far.near) == (0.0, False)


def test_between_two_steps_goals_and_actions_are_between_theirs(shown):
    follower = Follower(shown, 0.5)
    follower(at(0.0), 0.25)
    torch.testing.assert_close(follower.goals(1)[0], torch.lerp(shown.states[1], shown.states[2], 0.25))
    knots = shown.knots(0.25, knots=2, held=2)
    moments = [torch.lerp(shown.actions[step], shown.actions[step + 1], 0.25) for step in range(4)]
    torch.testing.assert_close(knots, torch.stack(moments).view(2, 2, 2).mean(dim=1))


def test_actions_are_the_way_back_from_the_latent_actions_within_the_limits_and_end_at_rest(model):
    seen = 5 * states(6)
    found = Demonstration(model, seen).actions
    assert (found.abs() <= 1.5).all()
    assert not found[-1].any()
    z = model.infer(seen[:-1], seen[1:])
    nothing = model.latent_action(torch.zeros(5, 2), seen[:-1])
    expected = model.robot_action(z, seen[:-1]) - model.robot_action(nothing, seen[:-1])
    torch.testing.assert_close(found[:-1], expected.clamp(-1.5, 1.5))


@pytest.mark.parametrize("space", ["action", "latent"])
def test_a_plan_of_a_demonstration_begins_with_its_actions_and_keeps_the_limits(model, space):
    variance = {"per_dimension": {"variance_per_dimension": [1.0, 1.0]}}
    trained = small_model(ARM, weight=0.3, training=variance)
    stage = PlanStage(trained, PlannerOptions(batch_size=16, space=space), seed=0)
    seen = states(8)
    stage.set_demonstration(seen, tolerance=100.0)
    for step in range(3):
        result = stage(step * STEP_NS, seen[step])
        assert np.isfinite(result.plan.rates).all()
        assert (np.abs(result.plan.rates) <= 1.5).all()
        assert stage.follower.at == pytest.approx(step)
        assert result.goal_distance == pytest.approx(7.0 - step, abs=1e-3)
    stage.set_goal(seen[0])
    assert stage.follower is None


def test_every_step_has_a_goal_of_its_own_in_the_cost(model):
    """One iteration of candidates that are told apart by nothing else than the goals of their steps."""
    stage = PlanStage(model, PlannerOptions(batch_size=16), seed=0)
    seen = states(3)
    stage.set_goal(seen[1])
    constant = stage(0, seen[0])
    stage.set_demonstration(torch.stack([seen[1], seen[1]]), tolerance=0.0)
    same = stage(0, seen[0])
    np.testing.assert_allclose(same.plan.rates, constant.plan.rates, rtol=1e-4, atol=1e-5)
    assert same.cost == pytest.approx(constant.cost, rel=1e-4)


def test_one_frame_is_no_demonstration(model):
    stage = PlanStage(model, PlannerOptions(), seed=0)
    with pytest.raises(ValueError, match="needs 2 frames or more"):
        stage.set_demonstration(states(1), tolerance=1.0)
