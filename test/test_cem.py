"""The planner: finds what it should, inside the bounds, and is not led astray by broken costs."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from hypothesis import given
from hypothesis import strategies as st

from wm_ros.planning.cem import CemOptions, cem, shifted

# Not the defaults, which are tuned for speed.
PLENTY = {"batch_size": 128, "elites": 12, "iteration_count": 3, "steps_per_knot": 1}
LOW, HIGH = torch.tensor([-1.5, -0.5]), torch.tensor([1.0, 2.0])


class Bowl:
    """Costs of the squared distance to a target [K, A]; remembers every candidate as knots [S, K, A]."""

    def __init__(self, target, steps_per_knot=1):
        self.target, self.steps_per_knot = torch.as_tensor(target), steps_per_knot
        self.seen = []

    def __call__(self, actions):
        knots = actions[:, :: self.steps_per_knot]
        # Each knot is held over its steps.
        assert torch.equal(knots.repeat_interleave(self.steps_per_knot, dim=1), actions)
        self.seen.append(knots.clone())
        return self.cost(knots)

    def cost(self, knots):
        return (knots - self.target).square().sum(dim=(1, 2))


def plan(rollout, low=LOW, high=HIGH, seed=0, warm_start=None, **options):
    options = CemOptions(**(PLENTY | options))
    return cem(rollout, low, high, options, torch.Generator().manual_seed(seed), warm_start)


@pytest.mark.parametrize("knots", [1, 2, 3, 5])
@pytest.mark.parametrize("steps_per_knot", [1, 3])
def test_a_known_optimum_is_found(knots, steps_per_knot):
    inside = LOW + (HIGH - LOW) * torch.rand(knots, 2, generator=torch.Generator().manual_seed(knots))
    options = {"steps_per_knot": steps_per_knot, "batch_size": 512, "iteration_count": 10}
    result = plan(Bowl(inside, steps_per_knot), knots=knots, **options)
    assert (result.knots - inside).abs().max() < 0.1
    assert result.cost == pytest.approx(float((result.knots - inside).square().sum()), abs=1e-6)
    assert result.elites.shape == (12, knots, 2)


def test_an_optimum_outside_is_approached_up_to_the_bound():
    result = plan(Bowl(torch.full((3, 2), 9.0)), knots=3, iteration_count=6)
    assert (HIGH - result.knots).max() < 0.1


def test_more_iterations_are_never_worse():
    target = torch.tensor([[0.9, -0.4], [-1.4, 1.9], [0.3, 0.3]])
    costs = [plan(Bowl(target), knots=3, iteration_count=count).cost for count in range(1, 7)]
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] < 0.3 * costs[0]


@given(
    low=st.lists(st.floats(-10, 0, width=32), min_size=2, max_size=2),
    span=st.lists(st.floats(1 / 128, 10, width=32), min_size=2, max_size=2),
    pull=st.floats(-20, 20),
    elites=st.integers(1, 16),
    seed=st.integers(0, 2**32 - 1),
)
def test_no_candidate_ever_leaves_the_bounds(low, span, pull, elites, seed):
    low = torch.tensor(low)
    high = torch.maximum(low + torch.tensor(span), torch.tensor(0.0))
    bowl = Bowl(torch.full((3, 2), pull))
    result = plan(bowl, low, high, seed, torch.full((3, 2), 99.0), knots=3, batch_size=32, elites=elites)
    for knots in (*bowl.seen, result.knots, result.elites):
        assert (knots >= low).all()
        assert (knots <= high).all()


@pytest.mark.parametrize("high", torch.rand(20, generator=torch.Generator().manual_seed(0)).tolist())
def test_the_mean_of_elites_at_the_bound_does_not_round_beyond_it(high):
    bowl, high = Bowl(torch.full((1, 1), 99.0)), torch.tensor([high])
    plan(bowl, -high, high, knots=1, iteration_count=4)
    assert all((knots <= high).all() for knots in bowl.seen)


def test_equal_seeds_plan_alike_and_others_do_not():
    target = torch.tensor([[0.5, 0.5], [-0.5, 1.0]])
    first, again, other = (plan(Bowl(target), knots=2, seed=seed) for seed in (3, 3, 4))
    assert torch.equal(first.knots, again.knots)
    assert torch.equal(first.elites, again.elites)
    assert first.cost == again.cost
    assert not torch.equal(first.knots, other.knots)


@pytest.mark.parametrize("broken", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("bar", [0.0, 1.85])
def test_costs_that_are_not_finite_never_win(broken, bar):
    """Most candidates break, with a high bar all but a few: those that do must neither be chosen nor steer."""

    class Broken(Bowl):
        def cost(self, knots):
            return torch.where(knots[:, 0, 1] < bar, broken, super().cost(knots))

    bowl = Broken(torch.tensor([[0.0, 1.9]]))
    result = plan(bowl, knots=1, batch_size=64, iteration_count=5)
    assert np.isfinite(result.cost)
    assert (result.elites[:, 0, 1] >= bar).all()
    assert 1 <= len(result.elites) <= 12
    assert (result.knots - bowl.target).abs().max() < 0.2
    assert all(knots.isfinite().all() for knots in bowl.seen)


def test_few_usable_candidates_are_the_elites_alone():
    usable = []

    class Rare(Bowl):
        def cost(self, knots):
            costs = super().cost(knots)
            costs[5:] = torch.nan
            usable.append(knots[:5])
            return costs

    result = plan(Rare(torch.zeros(2, 2)), knots=2, iteration_count=1)
    assert len(result.elites) == 5
    assert sorted(result.elites.tolist()) == sorted(usable[-1].tolist())


def test_no_usable_cost_at_all_is_infinite_and_proposes_to_stand_still():
    result = plan(lambda actions: torch.full((len(actions),), torch.nan), knots=4)
    assert result.cost == float("inf")
    assert torch.equal(result.knots, torch.zeros(4, 2))
    assert result.elites.shape == (0, 4, 2)


def test_one_broken_iteration_does_not_end_the_search():
    class Hiccup(Bowl):
        def cost(self, knots):
            return super().cost(knots) * (torch.nan if len(self.seen) == 2 else 1.0)

    target = torch.tensor([[0.7, 1.5]])
    result = plan(Hiccup(target), knots=1, iteration_count=5)
    assert (result.knots - target).abs().max() < 0.1


@pytest.mark.parametrize(
    "options", [{"elites": 1}, {"batch_size": 4, "elites": 1}, {"batch_size": 8, "elites": 20}]
)
def test_few_elites_and_few_candidates_work(options):
    target = torch.tensor([[0.5, 1.0], [-1.0, 0.5]])
    bowl = Bowl(target)
    result = plan(bowl, knots=2, iteration_count=12, **options)
    assert all(knots.isfinite().all() for knots in bowl.seen)
    assert result.cost < float(bowl.cost(torch.zeros(1, 2, 2)))


def test_standing_still_the_warm_start_and_the_best_so_far_are_always_candidates():
    warm = torch.tensor([[0.9, -0.4], [-1.2, 1.7]])
    bowl = Bowl(torch.tensor([[0.3, 0.3], [0.2, 1.0]]))
    plan(bowl, knots=2, warm_start=warm)
    for knots in bowl.seen:
        assert (knots == 0.0).all(dim=(1, 2)).any()
    assert (bowl.seen[0] == warm).all(dim=(1, 2)).any()
    for before, after in zip(bowl.seen, bowl.seen[1:], strict=False):
        best = before[bowl.cost(before).argmin()]
        assert (after == best).all(dim=(1, 2)).any()


def test_a_hole_far_from_rest_is_kept_by_the_warm_start_and_not_found_without():
    hole = torch.tensor([[0.9, -0.4], [-1.3, 1.8], [0.9, 1.9], [-1.4, -0.4], [0.8, 1.7]])

    def flat_with_a_hole(actions):
        return (
            torch.where((actions - hole).abs().amax(dim=(1, 2)) < 0.05, 0.0, 1.0)
            + 0.01 * actions[:, 0, 0] ** 2
        )

    assert plan(flat_with_a_hole, knots=5).cost == pytest.approx(1.0, abs=0.01)
    kept = plan(flat_with_a_hole, warm_start=hole + 0.01, knots=5)
    assert kept.cost < 0.1
    assert (kept.knots - hole).abs().max() < 0.05


def test_a_far_optimum_that_holds_one_action_is_found_at_once():
    """All knots at the bound: hopeless for independent noise, found among the candidates that hold one action."""
    far = HIGH.expand(8, -1)
    result = plan(Bowl(far), knots=8, iteration_count=1)
    assert result.cost < 0.1 * float((far**2).sum())


KNOTS = torch.arange(1.0, 6.0)[:, None]


@pytest.mark.parametrize(
    ("steps", "steps_per_knot", "expected"),
    [
        (0, 2, [1, 2, 3, 4, 5]),
        (2, 2, [2, 3, 4, 5, 0]),
        (6, 2, [4, 5, 0, 0, 0]),
        (10, 2, [0, 0, 0, 0, 0]),
        (1000, 2, [0, 0, 0, 0, 0]),
        (0.5, 2, [1, 2, 3, 4, 5]),
        (1.5, 2, [2, 3, 4, 5, 0]),
        # Half a knot on: no knot is skipped and none taken twice.
        (1, 2, [2, 3, 4, 5, 0]),
        (3, 2, [3, 4, 5, 0, 0]),
        (0.9, 1, [2, 3, 4, 5, 0]),
        (1, 1, [2, 3, 4, 5, 0]),
    ],
)
def test_a_plan_is_shifted_on_its_own_time_line(steps, steps_per_knot, expected):
    moved = shifted(KNOTS, steps, steps_per_knot)
    assert moved[:, 0].tolist() == expected
    assert KNOTS[:, 0].tolist() == [1, 2, 3, 4, 5]
