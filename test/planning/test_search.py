"""The planner: finds what it should, inside the bounds, and is not led astray by broken costs."""

import pytest

pytest.importorskip("torch")

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from wm_ros.planning.bounds import Bounds
from wm_ros.planning.methods import METHODS
from wm_ros.planning.options import PlannerOptions, planner_of
from wm_ros.planning.search import search
from wm_ros.robots.profile import load_profile

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


def plan(rollout, low=LOW, high=HIGH, seed=0, warm_start=None, proposals=None, choices=None, **options):
    options = PlannerOptions(**(PLENTY | options))
    generator = torch.Generator().manual_seed(seed)
    return search(
        rollout,
        Bounds(low, high),
        options,
        generator,
        warm_start=warm_start,
        proposals=proposals,
        choices=choices,
    )


def grid(count=9):
    """Choices [count ** 2, 2] over the whole range."""
    share = torch.cartesian_prod(torch.linspace(0, 1, count), torch.linspace(0, 1, count))
    return LOW + (HIGH - LOW) * share


@pytest.mark.parametrize("knots", [1, 2, 3, 5])
@pytest.mark.parametrize("steps_per_knot", [1, 3])
def test_a_known_optimum_is_found(knots, steps_per_knot):
    inside = LOW + (HIGH - LOW) * torch.rand(knots, 2, generator=torch.Generator().manual_seed(knots))
    options = {"steps_per_knot": steps_per_knot, "batch_size": 512, "iteration_count": 10}
    result = plan(Bowl(inside, steps_per_knot), knots=knots, **options)
    assert (result.knots - inside).abs().max() < 0.1
    assert float(result.cost) == pytest.approx(float((result.knots - inside).square().sum()), abs=1e-6)
    assert result.elites.shape == (12, knots, 2)
    assert result.costs.tolist() == sorted(result.costs.tolist())


@pytest.mark.parametrize("knots", [1, 2, 3, 5])
def test_mppi_finds_a_known_optimum(knots):
    inside = LOW + (HIGH - LOW) * torch.rand(knots, 2, generator=torch.Generator().manual_seed(knots))
    options = {"method": "mppi", "batch_size": 2048, "iteration_count": 12, "temperature": 0.1}
    best = plan(Bowl(inside), knots=knots, **options)
    assert (best.knots - inside).square().mean().sqrt() < 0.25
    assert best.cost < 0.2 * float(inside.square().sum())


@pytest.mark.parametrize("knots", [1, 2, 3, 5])
def test_categorical_finds_the_best_choices_and_only_them(knots):
    target = grid()[torch.randint(81, (knots,), generator=torch.Generator().manual_seed(knots))]
    bowl = Bowl(target)
    options = {"method": "categorical", "batch_size": 512, "iteration_count": 10, "choices": grid()}
    assert torch.equal(plan(bowl, knots=knots, **options).knots, target)
    drawn = torch.cat(bowl.seen)[2:].reshape(-1, 2)
    assert (torch.cdist(drawn, grid()).amin(dim=1) < 1e-6).all()


def test_a_base_drives_straight_lines_of_two_seconds_unless_told_otherwise():
    assert planner_of(load_profile("arm")) == PlannerOptions()
    for name in ("rover", "diff_drive", "diff_drive_unstamped"):
        base = load_profile(name)
        chosen = planner_of(base)
        assert chosen.shape == (1, chosen.time_steps)
        assert chosen.time_steps * base.model_dt == pytest.approx(2.0, abs=0.5)


def test_a_straight_line_is_one_action_held():
    target = torch.tensor([[0.6, 1.1]])
    bowl = Bowl(target, steps_per_knot=8)
    options = {"method": "straight_line", "batch_size": 120, "iteration_count": 1, "elites": 1}
    result = plan(bowl, knots=4, steps_per_knot=2, **options)
    assert result.knots.shape == (1, 2)
    assert (result.knots - target).abs().max() < 0.4


def test_an_unknown_method_and_missing_choices_are_refused():
    with pytest.raises(ValueError, match="unknown planner method 'magic'; known: cem, mppi"):
        plan(Bowl(torch.zeros(1, 2)), knots=1, method="magic")
    with pytest.raises(ValueError, match="needs a finite set of actions"):
        plan(Bowl(torch.zeros(1, 2)), knots=1, method="categorical")


def test_a_method_is_one_entry_of_the_table(monkeypatch):
    monkeypatch.setitem(METHODS, "guess", "mppi.Mppi")
    assert plan(Bowl(torch.zeros(1, 2)), knots=1, method="guess").cost < 0.1


def test_an_optimum_outside_is_approached_up_to_the_bound():
    result = plan(Bowl(torch.full((3, 2), 9.0)), knots=3, iteration_count=6)
    assert (HIGH - result.knots).max() < 0.1


def test_more_iterations_are_never_worse():
    target = torch.tensor([[0.9, -0.4], [-1.4, 1.9], [0.3, 0.3]])
    costs = [float(plan(Bowl(target), knots=3, iteration_count=count).cost) for count in range(1, 7)]
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] < 0.3 * costs[0]


@given(
    low=st.lists(st.floats(-10, 0, width=32), min_size=2, max_size=2),
    span=st.lists(st.floats(1 / 128, 10, width=32), min_size=2, max_size=2),
    pull=st.floats(-20, 20),
    elites=st.integers(1, 16),
    seed=st.integers(0, 2**32 - 1),
    method=st.sampled_from(tuple(METHODS)),
)
def test_no_candidate_ever_leaves_the_bounds(low, span, pull, elites, seed, method):
    low = torch.tensor(low)
    high = torch.maximum(low + torch.tensor(span), torch.tensor(0.0))
    knots = 1 if method == "straight_line" else 3
    bowl = Bowl(torch.full((knots, 2), pull), 3 // knots)
    far = torch.full((2, knots, 2), 99.0)
    options = {"knots": 3, "batch_size": 32, "elites": elites, "method": method, "choices": 50.0 * grid(3)}
    result = plan(bowl, low, high, seed, far[0], -far, **options)
    for knots in (*bowl.seen, result.knots, result.elites):
        assert (knots >= low).all()
        assert (knots <= high).all()


@pytest.mark.parametrize("high", torch.rand(20, generator=torch.Generator().manual_seed(0)).tolist())
def test_the_mean_of_elites_at_the_bound_does_not_round_beyond_it(high):
    bowl, high = Bowl(torch.full((1, 1), 99.0)), torch.tensor([high])
    plan(bowl, -high, high, knots=1, iteration_count=4)
    assert all((knots <= high).all() for knots in bowl.seen)


@pytest.mark.parametrize("method", ["cem", "mppi", "categorical"])
def test_equal_seeds_plan_alike_and_others_do_not(method):
    target, options = torch.tensor([[0.51, 0.52], [-0.53, 1.0]]), {"method": method, "choices": grid()}
    first, again, other = (plan(Bowl(target), knots=2, seed=seed, **options) for seed in (3, 3, 4))
    assert torch.equal(first.knots, again.knots)
    assert torch.equal(first.elites, again.elites)
    assert first.cost == again.cost
    assert not torch.equal(first.elites, other.elites)


@pytest.mark.parametrize("broken", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("bar", [0.0, 1.85])
@pytest.mark.parametrize("method", ["cem", "mppi", "categorical"])
def test_costs_that_are_not_finite_never_win(method, broken, bar):
    """Most candidates break, with a high bar all but a few: those that do must neither be chosen nor steer."""

    class Broken(Bowl):
        def cost(self, knots):
            return torch.where(knots[:, 0, 1] < bar, broken, super().cost(knots))

    bowl = Broken(torch.tensor([[0.0, 1.9]]))
    result = plan(bowl, knots=1, batch_size=64, iteration_count=5, method=method, choices=grid(40))
    assert result.cost.isfinite()
    usable = result.costs.isfinite()
    assert (result.elites[usable][:, 0, 1] >= bar).all()
    assert (result.knots - bowl.target).abs().max() < 0.3
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
    assert result.costs.isfinite().tolist() == [True] * 5 + [False] * 7
    assert sorted(result.elites[:5].tolist()) == sorted(usable[-1].tolist())


@pytest.mark.parametrize("method", ["cem", "mppi", "categorical"])
def test_no_usable_cost_at_all_is_infinite_and_proposes_to_stand_still(method):
    def broken(actions):
        return torch.full((len(actions),), torch.nan)

    result = plan(broken, knots=4, method=method, choices=grid())
    assert result.cost == float("inf")
    assert torch.equal(result.knots, torch.zeros(4, 2))
    assert not result.costs.isfinite().any()


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


@pytest.mark.parametrize("method", ["cem", "mppi", "categorical"])
def test_what_is_known_is_evaluated_first_and_the_best_is_never_lost(method):
    warm = torch.tensor([[0.9, -0.4], [-1.2, 1.7]])
    proposals = torch.tensor([[[0.5, 0.5], [0.1, 0.2]], [[-0.5, 0.5], [0.1, 0.3]]])
    bowl = Bowl(torch.tensor([[0.3, 0.3], [0.2, 1.0]]))
    result = plan(bowl, knots=2, warm_start=warm, proposals=proposals, method=method, choices=grid())
    known = torch.stack([torch.zeros(2, 2), warm, *proposals])
    assert torch.equal(bowl.seen[0][:4], known)
    everything = torch.cat(bowl.seen)
    assert float(result.cost) == float(bowl.cost(everything).min())
    # The elites are the best of all that was ever evaluated, not of the last iteration.
    best = bowl.cost(everything).sort().values
    assert result.costs[:3].tolist() == pytest.approx(best[:3].tolist())


def test_the_mean_is_always_a_candidate():
    bowl = Bowl(torch.tensor([[0.3, 0.3], [0.2, 1.0]]))
    plan(bowl, knots=2, elites=4)
    costs = bowl.cost(bowl.seen[0])
    centre = bowl.seen[0][costs.topk(4, largest=False).indices].mean(dim=0)
    torch.testing.assert_close(bowl.seen[1][0], centre)


@pytest.mark.parametrize("knots", [1, 2, 8])
@pytest.mark.parametrize("method", ["cem", "mppi"])
def test_the_noise_has_unit_variance_at_every_horizon(method, knots):
    """In first spreads, of which the bounds cut nothing off here: the mean sits in the middle of them."""
    bowl = Bowl(torch.zeros(knots, 2))
    wide = torch.tensor([10.0, 20.0])
    plan(bowl, -wide, wide, knots=knots, batch_size=20000, iteration_count=1, method=method, elites=1)
    drawn = bowl.seen[0][2:13000] / (0.35 * 2 * wide)
    within = drawn.abs() < 1.0  # beyond 1.43 they are clamped
    normal = torch.distributions.Normal(0.0, 1.0)
    assert float(within.float().mean()) == pytest.approx(
        float(2 * normal.cdf(torch.tensor(1.0)) - 1), abs=0.01
    )
    # Knots are independent: nothing was divided by their own spread.
    assert (drawn.flatten(1).T.corrcoef() - torch.eye(2 * knots)).abs().max() < 0.05


def test_a_proposal_is_taken_where_a_search_would_not_find_it():
    hole = torch.tensor([[[0.9, -0.4], [-1.3, 1.8], [0.9, 1.9]]])

    def flat_with_a_hole(actions):
        return torch.where((actions - hole).abs().amax(dim=(1, 2)) < 0.01, 0.0, 1.0)

    assert plan(flat_with_a_hole, knots=3, proposals=hole).cost == 0.0
    assert plan(flat_with_a_hole, knots=3).cost == 1.0


def test_a_broken_proposal_harms_nothing():
    bowl = Bowl(torch.tensor([[0.3, 0.3]]))
    broken = torch.full((1, 1, 2), torch.nan)
    result = plan(bowl, knots=1, proposals=broken, batch_size=4, elites=20, iteration_count=5)
    assert all(knots.isfinite().all() for knots in bowl.seen)
    assert result.cost < float(bowl.cost(torch.zeros(1, 1, 2)))


class Waiting(Bowl):
    """Takes a while for each iteration, on a clock that only it moves on."""

    def __init__(self, monkeypatch, each_s):
        super().__init__(torch.tensor([[0.7, 1.5], [0.2, 0.2]]))
        self.now, self.each_s = 100.0, each_s
        monkeypatch.setattr("time.perf_counter", lambda: self.now)

    def cost(self, knots):
        self.now += self.each_s
        return super().cost(knots)


@pytest.mark.parametrize(
    ("each_s", "deadline_s", "iterations"),
    [(0.02, 0.1, 5), (0.03, 0.1, 3), (0.06, 0.1, 1), (5.0, 0.1, 1), (0.02, 0.0, 9), (0.001, 0.1, 9)],
)
def test_no_iteration_begins_that_would_end_after_the_deadline(monkeypatch, each_s, deadline_s, iterations):
    bowl = Waiting(monkeypatch, each_s)
    result = plan(bowl, knots=2, iteration_count=9, deadline_s=deadline_s + 1e-9 * (deadline_s > 0))
    assert result.iterations == len(bowl.seen) == iterations
    assert float(result.cost) == float((torch.cat(bowl.seen) - bowl.target).square().sum(dim=(1, 2)).min())


def test_early_stop_ends_the_search_when_it_gets_no_better():
    target = torch.tensor([[0.7, 1.5], [0.2, 0.2]])
    long = plan(Bowl(target), knots=2, iteration_count=40)
    short = plan(Bowl(target), knots=2, iteration_count=40, early_stop=0.2)
    assert long.iterations == 40
    assert 2 <= short.iterations < 20
    assert short.cost < 0.1 * float(target.square().sum())


class Waits(TorchDispatchMode):
    """Counts what would make the host wait for a device."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, call, types, arguments=(), keywords=None):
        if call.overloadpacket in (torch.ops.aten._local_scalar_dense, torch.ops.aten.nonzero):
            self.count += 1
        return call(*arguments, **(keywords or {}))


@pytest.mark.parametrize("method", ["cem", "mppi", "categorical"])
@pytest.mark.parametrize(
    ("options", "waits"), [({}, 0), ({"deadline_s": 60.0}, 4), ({"early_stop": 1e-9}, 4)]
)
def test_the_search_waits_for_the_device_only_for_a_deadline_or_early_stop(method, options, waits):
    target = torch.tensor([[0.71, 1.52], [0.23, 0.24]])
    with Waits() as counted:
        plan(Bowl(target), knots=2, iteration_count=4, method=method, choices=grid(), **options)
    assert counted.count <= waits


def test_a_hole_far_from_rest_is_kept_by_the_warm_start_and_not_found_without():
    hole = torch.tensor([[0.9, -0.4], [-1.3, 1.8], [0.9, 1.9], [-1.4, -0.4], [0.8, 1.7]])

    def flat_with_a_hole(actions):
        return (
            torch.where((actions - hole).abs().amax(dim=(1, 2)) < 0.05, 0.0, 1.0)
            + 0.01 * actions[:, 0, 0] ** 2
        )

    assert float(plan(flat_with_a_hole, knots=5).cost) == pytest.approx(1.0, abs=0.01)
    kept = plan(flat_with_a_hole, warm_start=hole + 0.01, knots=5)
    assert kept.cost < 0.1
    assert (kept.knots - hole).abs().max() < 0.05


def test_a_far_optimum_that_holds_one_action_is_found_at_once():
    """All knots at the bound: hopeless for independent noise, found among the candidates that hold one action."""
    far = HIGH.expand(8, -1)
    result = plan(Bowl(far), knots=8, iteration_count=1)
    assert result.cost < 0.1 * float((far**2).sum())
