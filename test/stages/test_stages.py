"""The stages encode, infer and plan: pure objects, called frame by frame as the nodes call them."""

import copy
import gc
import resource
import weakref
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from checkpoint_harness import small_model

from wm_ros.models.goal_distance import GoalDistance
from wm_ros.planning.options import PlannerOptions
from wm_ros.planning.rollout import LatentRollout, committed_share
from wm_ros.planning.warm_start import shifted
from wm_ros.robots.profile import load_profile, profile_from_dict
from wm_ros.stages.encode import Encode
from wm_ros.stages.infer import Infer
from wm_ros.stages.plan import PlanStage

ARM = load_profile("arm")
MILLISECOND = 1_000_000
STEP_NS = 200 * MILLISECOND
START_NS = 1_700_000_000 * 1000 * MILLISECOND


@pytest.fixture(scope="module")
def model():
    return small_model(ARM, weight=0.3)


def states(count, seed=0):
    return torch.randn(count, 1, 8, generator=torch.Generator().manual_seed(seed))


# Encode


def test_a_frame_is_encoded_as_the_model_does_and_left_alone(model):
    frame = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    frame.setflags(write=False)
    state = Encode(model)(frame)
    assert state.shape == (1, 8)
    assert not state.requires_grad
    torch.testing.assert_close(state, model.encode(torch.tensor(frame)[None])[0])


def test_a_view_with_strides_is_encoded_as_its_copy(model):
    frame = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    torch.testing.assert_close(Encode(model)(frame[:, ::-1]), Encode(model)(frame[:, ::-1].copy()))


# Infer


@pytest.mark.parametrize("rate_hz", [5, 10, 20, 30])
@pytest.mark.parametrize("jitter_ms", [0, 8])
def test_each_frame_is_paired_with_the_one_a_model_step_before(model, rate_hz, jitter_ms):
    generator = np.random.default_rng(rate_hz)
    count = 2 * rate_hz
    late_ns = generator.integers(-jitter_ms, jitter_ms + 1, count) * MILLISECOND
    stamps = START_NS + np.round(np.arange(count) * 1e9 / rate_hz).astype(int) + late_ns
    seen, infer = states(count), Infer(model)
    for index, stamp_ns in enumerate(stamps.tolist()):
        found = infer(stamp_ns, seen[index])
        before = np.abs(stamps[:index] - (stamp_ns - STEP_NS))
        if not index or before.min() > 0.25 * STEP_NS:
            assert found is None
            # Only before a whole step has passed.
            assert index < np.ceil(rate_hz / 5)
        else:
            expected = model.infer(seen[before.argmin()][None], seen[index][None])[0]
            torch.testing.assert_close(found, expected, rtol=0, atol=0)
            assert found.shape == (2,)


def test_a_gap_gives_nothing_until_a_pair_is_complete_again(model):
    infer, seen = Infer(model), states(9)
    times_ms = [0, 100, 200, 300, 1300, 1400, 1500, 1600]
    found = [infer(START_NS + ms * MILLISECOND, seen[index]) for index, ms in enumerate(times_ms)]
    assert [one is not None for one in found] == [False, False, True, True, False, False, True, True]
    torch.testing.assert_close(found[6], model.infer(seen[4][None], seen[6][None])[0])


@pytest.mark.parametrize(("ms", "paired"), [(149, False), (151, True), (249, True), (251, False)])
def test_a_step_may_be_a_quarter_longer_or_shorter(model, ms, paired):
    infer, seen = Infer(model), states(2)
    infer(START_NS, seen[0])
    assert (infer(START_NS + ms * MILLISECOND, seen[1]) is not None) == paired


@pytest.mark.parametrize("back_ms", [0, 100, 10_000])
def test_stamps_that_go_back_clear_the_past(model, back_ms):
    infer, seen = Infer(model), states(8)
    for index in range(4):
        infer(START_NS + index * 100 * MILLISECOND, seen[index])
    restart_ns = START_NS + (300 - back_ms) * MILLISECOND
    # Frames from before the jump would be 200 ms away from some of these.
    found = [infer(restart_ns + index * 100 * MILLISECOND, seen[4 + index]) for index in range(4)]
    assert found[:2] == [None, None]
    torch.testing.assert_close(found[2], model.infer(seen[4][None], seen[6][None])[0])


def test_reset_forgets(model):
    infer, seen = Infer(model), states(2)
    infer(START_NS, seen[0])
    infer.reset()
    assert infer(START_NS + STEP_NS, seen[1]) is None


def test_frames_that_are_too_old_to_pair_are_let_go(model):
    infer = Infer(model)
    first = torch.zeros(1, 8)
    gone = weakref.ref(first)
    infer(START_NS, first)
    del first
    for index in range(1, 6):
        infer(START_NS + index * 100 * MILLISECOND, torch.zeros(1, 8))
    gc.collect()
    assert gone() is None


# Plan

SMALL = PlannerOptions(batch_size=32, iteration_count=2, elites=4, knots=3, steps_per_knot=2)


def stage(model, seed=0, options=SMALL, goal=0.0):
    made = PlanStage(model, options, seed)
    made.set_goal(torch.full((1, 8), goal))
    return made


def rates_of(planner, count=4):
    """Plans for some frames 100 ms apart, [count, T, A]."""
    seen = states(count)
    return np.array(
        [planner(START_NS + index * 100 * MILLISECOND, seen[index]).plan.rates for index in range(count)]
    )


def test_the_expected_end_is_where_the_plan_leads(model):
    planner, seen = stage(model), states(2)
    assert planner.expected_end() is None
    rates = torch.tensor(planner(START_NS, seen[0]).plan.rates[:-1]).float().repeat_interleave(2, dim=0)
    led = model.rollout(seen[:1], rates[None])[0, -1]
    torch.testing.assert_close(planner.expected_end(), led)
    torch.testing.assert_close(planner.expected_end(), led)
    # Until it takes effect, the robot follows the plan before.
    result = planner(START_NS + STEP_NS, seen[1], lead_s=0.2)
    after = torch.tensor(result.plan.rates[:-1]).float().repeat_interleave(2, dim=0)
    after[0] = rates[1]
    torch.testing.assert_close(planner.expected_end(), planner_rollout(model, seen, after))
    planner.reset()
    assert planner.expected_end() is None


def planner_rollout(model, seen, rates):
    """Where rates [H, A] lead from the last of the states [T, N, D] that were seen."""
    return model.imaginer()(seen[-SMALL.context_frames :])(rates[None])[0, -1]


def cost_of_rest(model, state):
    """Standing still for the horizon, with all ones as the goal."""
    return SMALL.time_steps * float(model.goal_distance(state, torch.ones(1, 8)))


def cost_of(model, observed, actions):
    """What actions [1, 6, 2] cost after these states, with all ones as the goal."""
    imagine, goal = model.imaginer()(observed), torch.ones(1, 8)
    nothing = torch.zeros(6, 2), torch.zeros(6)
    return float(LatentRollout(imagine, model.goal_distance, observed[-1], goal, *nothing)(actions))


def test_without_a_goal_nothing_is_planned(model):
    planner = PlanStage(model, SMALL, 0)
    assert not planner.has_goal
    with pytest.raises(RuntimeError, match="no goal: publish `goal_image` or call `~/capture_goal` first"):
        planner(START_NS, states(1)[0])
    planner.set_goal(torch.zeros(1, 8))
    assert planner.has_goal
    planner(START_NS, states(1)[0])
    planner.set_goal(None)
    assert not planner.has_goal
    with pytest.raises(RuntimeError, match="no goal"):
        planner(START_NS, states(1)[0])


def test_a_plan_says_what_it_was_made_from_and_ends_at_rest(model):
    planner, state = stage(model), states(1)[0]
    result = planner(START_NS, state)
    plan = result.plan
    assert plan.stamp_ns == START_NS
    assert plan.names == ("shoulder", "elbow")
    assert plan.rates.shape == (4, 2)
    assert plan.times_s.tolist() == pytest.approx([0.0, 0.4, 0.8, 1.2])
    assert not plan.rates[-1].any()
    assert plan.rates[:-1].any()
    assert result.goal_distance == pytest.approx(float(model.goal_distance(state, torch.zeros(1, 8))))
    assert result.candidates.shape == (4, 3, 2)
    assert result.candidates.dtype == np.float64
    assert np.isfinite(result.cost)


def test_equal_seeds_plan_alike_and_reset_or_a_goal_starts_anew(model):
    planner = stage(model, seed=5)
    first = rates_of(planner)
    np.testing.assert_array_equal(rates_of(stage(model, seed=5)), first)
    assert not np.array_equal(rates_of(stage(model, seed=6)), first)
    assert not np.array_equal(rates_of(planner), first)
    planner.reset()
    assert planner.has_goal
    np.testing.assert_array_equal(rates_of(planner), first)
    planner.set_goal(torch.zeros(1, 8))
    np.testing.assert_array_equal(rates_of(planner), first)


def test_a_clock_that_goes_back_forgets_the_last_plan(model):
    planner, state = stage(model, goal=1.0), states(1)[0]
    planner(START_NS, state)
    # With a lead beyond the horizon the robot only does what it did anyway, and that is known no more.
    result = planner(START_NS - 5000 * MILLISECOND, state, lead_s=60.0)
    assert result.cost == pytest.approx(cost_of_rest(model, state), rel=1e-5)
    assert planner(START_NS, state).plan.stamp_ns == START_NS


def test_the_last_plan_is_never_made_worse_while_nothing_changes(model):
    """With four candidates a search from nothing would come out worse now and then."""
    few = PlannerOptions(batch_size=4, iteration_count=1, elites=1, knots=3, proposals=False)
    planner = stage(model, options=few, goal=1.0)
    costs = [planner(START_NS, states(1)[0]).cost for _ in range(30)]
    assert (np.diff(costs) <= 1e-5 * costs[0]).all()
    assert costs[-1] < costs[0]


@pytest.mark.parametrize("ms", [100, 400, 500])
def test_the_last_plan_moved_on_by_the_time_that_passed_is_a_candidate(model, ms):
    """Too few candidates to find anything as good anew."""
    few = replace(SMALL, batch_size=4, iteration_count=1, elites=1)
    planner = PlanStage(model, replace(few, batch_size=512, iteration_count=6), 0)
    planner.set_goal(torch.full((1, 8), 1.0))
    state = states(1)[0]
    planner(START_NS, state)
    planner._options = few
    knots = planner._last[1]
    moved = shifted(knots, ms / 400)
    assert (moved - knots).abs().max() > 0.05
    result = planner(START_NS + ms * MILLISECOND, state)
    assert result.cost <= cost_of(model, state[None], moved.repeat_interleave(2, dim=0)[None]) * (1 + 1e-5)


def test_the_observed_past_is_planned_from(model):
    planner, seen = stage(model, options=replace(SMALL, context_frames=3), goal=1.0), states(3)
    for index in range(3):
        result = planner(START_NS + index * STEP_NS, seen[index])
    planned = torch.tensor(result.plan.rates[:-1]).float().repeat_interleave(2, dim=0)[None]
    assert result.cost == pytest.approx(cost_of(model, seen, planned), rel=1e-5)
    assert result.cost != pytest.approx(cost_of(model, seen[-1:], planned), rel=1e-4)


def test_memory_is_flat_over_a_thousand_plans():
    planner = PlanStage(PointWorld(), replace(SMALL, batch_size=8, iteration_count=1, context_frames=2), 0)
    planner.set_goal(torch.ones(1, 2))

    def plan(first, count):
        for index in range(first, first + count):
            planner(START_NS + index * 100 * MILLISECOND, torch.zeros(1, 2))
        gc.collect()
        return sum(type(one) is torch.Tensor for one in gc.get_objects())

    before = plan(0, 100)
    grown_kb = -resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert plan(100, 1000) <= before
    grown_kb += resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert grown_kb < 5000


def test_a_model_with_a_code_book_plans_among_the_actions_behind_its_codes():
    discrete = small_model(ARM, weight=0.3, bottleneck={"name": "discrete", "codes": 6})
    options = replace(SMALL, method="categorical")
    state = states(1)[0]
    actions = discrete.robot_action(discrete.bottleneck.codes, state.expand(6, -1, -1)).clamp(-1.5, 1.5)
    rates = torch.tensor(stage(discrete, options=options, goal=1.0)(START_NS, state).plan.rates[:-1]).float()
    assert (torch.cdist(rates, torch.cat([actions, torch.zeros(1, 2)])).amin(dim=1) < 1e-5).all()


def test_a_robot_follows_its_last_plan_until_the_new_one_takes_effect(model):
    # With this seed the first plan does not hold one action.
    planner, seen, goal = stage(model, seed=1, goal=1.0), states(2), torch.full((1, 8), 1.0)
    # A lead beyond the horizon: whatever is planned, the robot stands still, for it has no plan yet.
    rest = planner(START_NS, seen[0], lead_s=60.0)
    assert rest.cost == pytest.approx(cost_of_rest(model, seen[0]), rel=1e-5)

    last = planner(START_NS, seen[0]).plan
    stamp_ns, lead_s = START_NS + 100 * MILLISECOND, 0.3
    result = planner(stamp_ns, seen[1], lead_s)
    committed = [last.rate_at(stamp_ns + step * STEP_NS) for step in range(6)]
    committed = torch.tensor(np.array([np.zeros(2) if rate is None else rate for rate in committed])).float()
    assert committed[0].any()
    assert not committed[5].equal(committed[0])
    planned = torch.tensor(result.plan.rates[:-1]).float().repeat_interleave(2, dim=0)[None]
    share = committed_share(lead_s, 0.2, 6)
    imagine = model.imaginer()(seen[1:])
    rollout = LatentRollout(imagine, model.goal_distance, seen[1], goal, committed, share)
    expected = rollout(planned)
    assert result.cost == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_a_state_that_is_not_finite_gives_no_plan_and_does_no_lasting_harm(model, broken):
    planner = stage(model)
    planner(START_NS, states(1)[0])
    with pytest.raises(
        ValueError, match="every candidate has a cost that is not finite: the image or the weights"
    ):
        planner(START_NS + STEP_NS, torch.full((1, 8), broken))
    result = planner(START_NS + 2 * STEP_NS, states(1)[0])
    assert np.isfinite(result.plan.rates).all()
    assert np.isfinite(result.cost)


class PointWorld:
    """A world that is understood: states are positions [N=1, A], actions their rates."""

    device = torch.device("cpu")
    latent_actions = True

    def __init__(self, robot=ARM):
        self.card = SimpleNamespace(robot=robot)
        self.goal_distance = GoalDistance(1, len(robot.action), len(robot.action))
        self.goal_distance.embed = torch.nn.Flatten(-2)
        self.action_scale = torch.ones(len(robot.action))

    def imaginer(self, precision, compiled=False):
        step_s = self.card.robot.model_dt
        return lambda observed: lambda actions: observed[-1] + (actions * step_s).cumsum(dim=1).unsqueeze(2)

    def infer(self, before, after):
        return (after - before)[:, 0]

    def robot_action(self, latent_action, state):
        return latent_action / self.card.robot.model_dt


def test_commands_stay_within_limits_that_single_precision_cannot_hold():
    data = copy.deepcopy(ARM.to_dict())
    data["action"][0].update(min=-0.7, max=0.1)
    data["action"][1].update(min=-0.9, max=0.3)
    robot = profile_from_dict(data)
    for goal in (100.0, -100.0):
        planner = PlanStage(PointWorld(robot), SMALL, 0)
        planner.set_goal(torch.full((1, 2), goal))
        rates = planner(START_NS, torch.zeros(1, 2)).plan.rates
        assert np.abs(rates).max() > 0.05
        assert (rates >= robot.low).all()
        assert (rates <= robot.high).all()


@pytest.mark.parametrize("lead_s", [0.0, 0.1])
@pytest.mark.parametrize("proposals", [False, True])
def test_replanning_reaches_the_goal_and_stays_there(proposals, lead_s):
    options = replace(SMALL, batch_size=64, iteration_count=3, elites=8, proposals=proposals)
    planner = PlanStage(PointWorld(), options, 0)
    position, goal = np.array([1.0, -0.5]), torch.tensor([[-0.6, 0.7]])
    planner.set_goal(goal)
    followed, errors = None, []
    for tick in range(60):
        now_ns = START_NS + tick * 100 * MILLISECOND
        result = planner(now_ns, torch.tensor(position[None]).float(), lead_s)
        if not lead_s:
            followed = result.plan
        if followed is not None:
            position = position + 0.1 * np.array(followed.rate_at(now_ns))
        followed = result.plan
        errors.append(float(np.linalg.norm(position - goal[0].numpy())))
    assert errors[0] > 1.5
    assert max(errors[30:]) < 0.1
    assert result.goal_distance < 0.1
