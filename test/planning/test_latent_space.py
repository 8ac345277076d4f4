"""Plans of latent actions: the forward model imagines them, and what the robot is told is within its limits."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from checkpoint_harness import small_model, write_action_conditioned

from wm_ros.models.action_conditioned.model import load_action_conditioned
from wm_ros.models.checkpoint import find_checkpoint, load_checkpoint
from wm_ros.planning.latent_bounds import LatentBounds
from wm_ros.planning.methods import METHODS
from wm_ros.planning.options import PlannerOptions
from wm_ros.planning.rollout import LatentRollout
from wm_ros.planning.spaces import SPACES, build_space
from wm_ros.robots.profile import load_profile
from wm_ros.stages.plan import PlanStage

ARM = load_profile("arm")
START_NS, STEP_NS = 1_700_000_000 * 10**9, 200_000_000
SMALL = PlannerOptions(batch_size=32, iteration_count=2, elites=4, knots=3, steps_per_knot=2, space="latent")
STEPS = 6
BOTTLENECKS = ["noise", "sparse", "none", "deterministic", "labelled", "discrete"]


def model_of(name="noise", weight=0.3, **card):
    bottleneck = {"name": name, **({"codes": 6} if name == "discrete" else {})}
    spread = {"per_dimension": {"variance_per_dimension": [0.25, 0.04]}}
    return small_model(ARM, weight=weight, **({"bottleneck": bottleneck, "training": spread} | card))


def states(count, seed=0):
    return torch.randn(count, 1, 8, generator=torch.Generator().manual_seed(seed))


def here_of(model, state):
    return build_space("latent", model, torch.float32, False).here(state[None])


def rollout_of(model, here, state, missed=None):
    still = here.from_actions(torch.zeros(1, STEPS, 2))[0]
    goal, share = torch.ones(1, 8), torch.zeros(STEPS)
    return LatentRollout(
        here.imagine, model.goal_distance, state, goal, still, share, rest=still, missed=missed
    )


def stage_of(model, **options):
    made = PlanStage(model, replace(SMALL, **options), 0)
    made.set_goal(torch.full((1, 8), 1.0))
    return made


def test_what_the_controller_makes_of_robot_actions_leads_and_costs_the_same_in_both_spaces():
    model, state = model_of(), states(1)[0]
    actions = torch.randn(5, STEPS, 2, generator=torch.Generator().manual_seed(1))
    latent, plain = (
        here_of(model, state),
        build_space("action", model, torch.float32, False).here(state[None]),
    )
    imagined = plain.imagine(actions)
    torch.testing.assert_close(latent.imagine(latent.from_actions(actions)), imagined)
    assert (imagined[:, -1] - state).abs().max() > 1e-2
    nothing = torch.zeros(STEPS, 2), torch.zeros(STEPS)
    in_actions = LatentRollout(plain.imagine, model.goal_distance, state, torch.ones(1, 8), *nothing)
    in_latents = rollout_of(model, latent, state)
    torch.testing.assert_close(
        in_latents(latent.from_actions(actions)), in_actions(actions), rtol=1e-4, atol=1e-4
    )


def test_what_the_robot_cannot_do_is_lost_on_the_way_there_and_back_and_costs_from_then_on():
    model, state = model_of(), states(1)[0]
    here = here_of(model, state)
    wild = here.from_actions(torch.zeros(2, STEPS, 2))
    wild[1, 2] += 50.0  # in the third step no action is behind it
    missed = here.missed(wild, here.imagine(wild))
    assert not missed[0].any()
    assert not missed[1, :2].any()
    assert missed[1, 2] > 1.0
    states_before = torch.cat([state[None], here.imagine(wild)[1, :-1]])
    actions = model.robot_action(wild[1], states_before).clamp(-1.5, 1.5)
    lost = (wild[1] - model.latent_action(actions, states_before)).norm(dim=1)
    ends = torch.tensor([[0.0, 0.0], [1.5, 0.0], [0.0, 1.5], [-1.5, 0.0], [0.0, -1.5]])
    own = model.latent_action(ends, state.expand(5, -1, -1))
    back = model.latent_action(
        model.robot_action(own, state.expand(5, -1, -1)).clamp(-1.5, 1.5), state.expand(5, -1, -1)
    )
    free, unit = (own - back).norm(dim=1).max(), (own[1:] - own[0]).norm(dim=1).mean()
    torch.testing.assert_close(missed[1], (lost - free).clamp(min=0) / unit)

    plain, priced = (rollout_of(model, here, state, price).distances(wild) for price in (None, here.missed))
    torch.testing.assert_close(priced - plain, missed.cumsum(dim=1), rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("name", BOTTLENECKS)
@pytest.mark.parametrize("method", METHODS)
def test_every_bottleneck_and_method_plans_within_the_limits(name, method):
    model, seen = model_of(name), states(3)
    planner = stage_of(model, method=method)
    if method == "categorical" and name != "discrete":
        with pytest.raises(ValueError, match="needs a model with a discrete bottleneck"):
            planner(START_NS, seen[0])
        return
    for index in range(3):
        result = planner(START_NS + index * STEP_NS, seen[index], lead_s=0.1)
        assert result.plan.rates.shape == (STEPS + 1, 2)
        assert result.plan.times_s.tolist() == pytest.approx([0.2 * step for step in range(STEPS + 1)])
        assert not result.plan.rates[-1].any()
        assert (np.abs(result.candidates) <= 1.5).all()
        assert result.candidates.shape == (4, STEPS, 2)
        assert np.isfinite([result.cost, result.missed, result.beyond]).all()


def test_the_robot_is_told_the_way_back_from_where_each_step_begins_less_what_it_says_of_standing_still():
    model, state = model_of(), states(1)[0]
    here = here_of(model, state)
    knots = torch.stack([here.from_actions(torch.zeros(1, STEPS, 2))[0, ::2], 0.3 * torch.ones(3, 2)])
    decided = here.decide(knots, 2, rollout_of(model, here, state))
    told = knots.repeat_interleave(2, dim=1)
    before = torch.cat([state.expand(2, 1, -1, -1), here.imagine(told)[:, :-1]], dim=1)
    for step in range(STEPS):
        still = model.latent_action(torch.zeros(2, 2), before[:, step])
        rates = model.robot_action(told[:, step], before[:, step]) - model.robot_action(
            still, before[:, step]
        )
        torch.testing.assert_close(decided.rates[:, step], rates.clamp(-1.5, 1.5), rtol=1e-4, atol=1e-5)
    assert decided.held == 1
    assert not decided.rates[0, 0].any()
    assert decided.rates[1].abs().max() > 1e-3
    assert decided.beyond == 0
    model.controller_inverse.read.bias.copy_(torch.tensor([0.0, 3.0]))
    model.controller_inverse.read.weight.mul_(1000.0)
    far = here.decide(1000.0 * knots.flip(0), 2, rollout_of(model, here, state))
    assert far.beyond > 0
    assert far.missed > 1
    assert (far.rates.abs() <= 1.5).all()


def test_standing_still_costs_what_it_does_in_robot_actions_and_the_last_plan_is_a_candidate():
    """Too few candidates to find anything as good anew; of a labelled model nothing is lost on the way back."""
    model, state = model_of("labelled"), states(1)[0]
    rest = STEPS * float(model.goal_distance(state, torch.ones(1, 8)))
    assert stage_of(model)(START_NS, state, lead_s=60.0).cost == pytest.approx(rest, rel=1e-3)
    planner = stage_of(model, batch_size=512, iteration_count=6)
    found = planner(START_NS, state).cost
    assert found < 0.999 * rest
    planner._options = replace(SMALL, batch_size=4, iteration_count=1, elites=1, proposals=False)
    assert planner(START_NS, state).cost <= found * (1 + 1e-5)
    planner.reset()
    assert planner(START_NS, state).cost > found * (1 + 1e-5)


def test_candidates_are_drawn_as_the_bottleneck_has_them():
    generator = torch.Generator().manual_seed(0)
    centre, spread = torch.tensor([1.0, -2.0]), torch.tensor([0.5, 0.2])
    for name, kurtosis in (("noise", 3.0), ("none", 3.0), ("sparse", 6.0)):
        drawn = model_of(name).bottleneck.sample(100_000, centre, spread, generator)
        torch.testing.assert_close(drawn.mean(dim=0), centre, atol=0.01, rtol=0)
        torch.testing.assert_close(drawn.std(dim=0), spread, atol=0.01, rtol=0)
        fourth = ((drawn - centre) / spread).pow(4).mean(dim=0)
        torch.testing.assert_close(fourth, torch.full((2,), kurtosis), atol=0.4, rtol=0)
    discrete = model_of("discrete").bottleneck
    drawn = discrete.sample(100, centre, spread, generator)
    assert {tuple(z) for z in drawn.tolist()} == {tuple(code) for code in discrete.codes.tolist()}


def test_a_code_book_is_planned_with_by_its_codes_and_standing_still_alone():
    model, state = model_of("discrete"), states(1)[0]
    here = here_of(model, state)
    rest = model.latent_action(torch.zeros(1, 2), state[None])
    allowed = torch.cat([model.bottleneck.codes, rest])
    anywhere = torch.randn(200, 2, generator=torch.Generator().manual_seed(2))
    for vectors in (here.bounds.clamp(anywhere), here.bounds.uniform(50, torch.Generator().manual_seed(3))):
        assert (torch.cdist(vectors, allowed).amin(dim=1) < 1e-3).all()
    torch.testing.assert_close(here.bounds.clamp(rest), rest)
    torch.testing.assert_close(here.choices(), allowed)


def test_the_box_holds_what_the_robot_can_do_and_three_standard_deviations():
    own, spread = torch.tensor([[0.0, 1.0], [9.0, 1.0], [0.0, -4.0]]), torch.tensor([1.0, 0.5])
    bounds = LatentBounds(model_of().bottleneck, own, spread, lambda z: z + 100.0)
    assert bounds.low.tolist() == [-3.0, -4.0]
    assert bounds.high.tolist() == [9.0, 2.5]
    drawn = bounds.uniform(2000, torch.Generator().manual_seed(0))
    assert (drawn >= bounds.low).all()
    assert (drawn <= bounds.high).all()
    torch.testing.assert_close(bounds.doable(drawn.view(40, 50, 2)), drawn.view(40, 50, 2) + 100.0)


def test_what_is_drawn_is_brought_to_what_the_robot_can_do():
    model, state = model_of(weight=0.1), states(1)[0]
    here, drawn = here_of(model, state), torch.randn(40, 3, 2, generator=torch.Generator().manual_seed(4))
    flat, seen = drawn.flatten(0, 1), state.expand(120, -1, -1)
    back = model.latent_action(model.robot_action(flat, seen).clamp(-1.5, 1.5), seen)
    torch.testing.assert_close(here.bounds.doable(drawn).flatten(0, 1), back)
    assert (back - flat).abs().max() > 0.1


@pytest.mark.parametrize("training", [{}, {"per_dimension": {"variance_per_dimension": [1.0]}}])
def test_a_card_that_does_not_say_how_far_latent_actions_spread_is_refused(training):
    with pytest.raises(
        ValueError, match=r"one number for each of the 2 dimensions .* train it again, or use"
    ):
        stage_of(model_of(training=training))


def test_an_unknown_space_and_a_model_that_is_told_robot_actions_are_refused(tmp_path):
    with pytest.raises(ValueError, match="unknown planner space 'joint'; known: action, latent"):
        stage_of(model_of(), space="joint")
    assert tuple(SPACES) == ("action", "latent")
    folder = write_action_conditioned(tmp_path, load_profile("franka"))
    with pytest.raises(ValueError, match="needs a model with latent actions"):
        stage_of(load_action_conditioned(folder))


def test_the_packaged_arm_drives_to_goal_pictures_by_latent_actions():
    pytest.importorskip("mujoco")
    from wm_ros.tasks.lockstep import LockstepOptions, model_policy, run_goals

    options, results = replace(SMALL, batch_size=16, iteration_count=1, knots=4), []
    model = load_checkpoint(find_checkpoint("", ARM))
    aim = model_policy(model, options, 0.1, lambda result, seconds: results.append(result))
    scores = list(run_goals(ARM, aim, 2, 0, LockstepOptions(camera_hz=5.0, limit_s=6.0)))
    assert all(score.held_distance_m < 0.5 * score.start_distance_m for score in scores)
    assert 0.0 < np.median([result.missed for result in results]) < 1.0
