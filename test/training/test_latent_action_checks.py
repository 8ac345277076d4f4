"""The checks of a latent action on constructed models whose answers are known, and what is said of bad ones."""

import pytest

pytest.importorskip("torch")

import torch

from wm_ros.training.collapse import warnings_of
from wm_ros.training.scores import action_gap, motion, planning_gap, transfer

HEALTHY = {"action_gap_shuffled": 40.0, "leakage": 2.3, "perplexity": 30.0}


class Constructed:
    """A world model of two functions; both only as good as a prediction error of 0.1."""

    action_scale = torch.tensor([2.0])

    def __init__(self, infer, follow):
        self.infer, self.follow, self.forward_model = infer, follow, self

    def unroll(self, state, steps, latent_action):
        states = []
        for step in range(steps):
            states.append(state := self.step(state, latent_action(step, state))[0])
        return torch.stack(states, dim=1)

    def step(self, state, latent_action):
        return self.follow(state[:, 0], latent_action)[:, None] + 0.1, None


def pairs(*moves):
    """Pairs of 1-D states (from, to)."""
    return torch.tensor(moves)[:, :, None, None]


def between(low, high):
    """A model that infers the displacement within limits, and follows it."""
    return Constructed(
        infer=lambda before, after: (after - before)[:, 0].clamp(low, high),
        follow=lambda state, z: state + z,
    )


def test_the_action_gap_by_hand():
    found = action_gap(between(-1, 1), pairs((0.0, 1.0), (5.0, 4.0)))
    # Error .1; with the other's action 1.9 and 2.1, with none .9 and 1.1; moving nowhere errs by 1.
    assert found["one_step"] == pytest.approx(0.01, rel=1e-4)
    assert found["action_gap_shuffled"] == pytest.approx((3.61 + 4.41) / 2 / 0.01, rel=1e-4)
    assert found["action_gap_zero"] == pytest.approx((0.81 + 1.21) / 2 / 0.01, rel=1e-4)


def test_leakage_is_one_where_the_latent_action_is_the_future():
    leaky = Constructed(infer=lambda before, after: after[:, 0], follow=lambda state, z: z)
    found = transfer(leaky, pairs((0.0, 1.0), (10.0, 11.0), (5.0, 4.0)))
    assert found["leakage"] == pytest.approx(1.0, rel=1e-3)


def test_leakage_of_a_bounded_latent_action_by_hand():
    # Across the cut from 0 to 11 and from 10 to 1 it can only go 1: errors 9.9 and 8.1 against .1.
    found = transfer(between(-1, 1), pairs((0.0, 1.0), (10.0, 11.0)))
    assert found["leakage"] == pytest.approx((9.9**2 + 8.1**2) / 2 / 0.01, rel=1e-4)


def test_a_latent_action_that_means_the_same_everywhere_survives_the_cycle():
    # The limit takes away the error that inferring it again would add.
    found = transfer(between(-1, 1), pairs((0.0, 1.0), (10.0, 11.0)))
    assert found["cycle"] == pytest.approx(1.0, rel=1e-3)


def test_the_cycle_by_hand_where_errors_add_up():
    found = transfer(between(-100, 100), pairs((0.0, 1.0), (10.0, 12.0)))
    # .1 on the way there and .1 on the way back.
    assert found["cycle"] == pytest.approx(4.0, rel=1e-3)


def test_the_cycle_by_hand_where_a_latent_action_is_half_a_place():
    place = Constructed(
        infer=lambda before, after: (after - 0.5 * before)[:, 0], follow=lambda state, z: 0.4 * state + z
    )
    found = transfer(place, pairs((0.0, 1.0), (10.0, 11.0)))
    # Without the detour .1 and .9; by it 0 goes to .2 instead of 1, and 10 to 10.2 instead of 11.
    assert found["cycle"] == pytest.approx(0.8**2 / ((0.1**2 + 0.9**2) / 2), rel=1e-3)


def test_latent_actions_that_are_motion_keep_clips_apart_and_those_that_name_places_do_not():
    clips = torch.tensor([[0.0, 1.0, 3.0], [10.0, 9.0, 9.0]])[..., None, None]
    latents = torch.tensor([[1.0, 2.0], [-1.0, 0.0]])[..., None]
    # Both end where the other's motion leads, with two errors of .1: 13.2 from 3, and -.8 from 9.
    assert motion(between(-5, 5), clips, latents) == pytest.approx((10.2 + 9.8) / 2 / 10.0, rel=1e-4)
    leaky = Constructed(infer=lambda before, after: after[:, 0], follow=lambda state, z: z)
    assert motion(leaky, clips, clips[:, 1:, 0]) == pytest.approx(0.01, rel=1e-3)
    assert motion(between(-5, 5), clips[:1], latents[:1]) == 1.0  # nobody to take them from


def test_the_planning_gap_by_hand():
    # Of displacements 0, 1 and 3, the nearest of another clip is off by 1, 1 and 2, and a random one by 2 on average.
    ways = pairs((0.0, 0.0), (7.0, 8.0), (-9.0, -6.0))
    commands = torch.tensor([0.0, 2.0, 6.0])[:, None, None]
    assert planning_gap(between(-5, 5), ways, commands) == pytest.approx(2 / (4 / 3), rel=1e-4)
    assert planning_gap(between(-5, 5), ways[:1], commands[:1]) == 1.0


def test_telling_the_future_does_not_help_planning():
    # It takes the clip that ends nearest, whatever happened there: 3 for 0, 3 for 1, 1 for 3.
    leaky = Constructed(infer=lambda before, after: after[:, 0], follow=lambda state, z: z)
    ways = pairs((0.0, 0.0), (1.8, 2.8), (-1.5, 1.5))
    commands = torch.tensor([0.0, 2.0, 6.0])[:, None, None]
    assert planning_gap(leaky, ways, commands) == pytest.approx(2 / (7 / 3), rel=1e-4)


# What is said of it


@pytest.mark.parametrize("name", ["noise", "sparse", "discrete", "none", "deterministic", "labelled"])
def test_nothing_is_said_of_a_healthy_one(name):
    assert warnings_of({"name": name, "codes": 64}, HEALTHY) == []


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("noise", "train longer or lower --beta"),
        ("sparse", "train longer or lower --l1"),
        ("discrete", "train longer or raise --codes"),
        ("none", "train longer"),
        ("labelled", "train longer"),
    ],
)
def test_a_latent_action_that_is_ignored_is_told_with_the_fix(name, fix):
    (said,) = warnings_of({"name": name, "codes": 64}, {**HEALTHY, "action_gap_shuffled": 1.01})
    assert "the forward model ignores the latent action" in said
    assert said.endswith(f"is 1.01 times that with the true one; {fix}")


def test_a_collapsed_code_book_is_told_with_the_fix():
    (said,) = warnings_of({"name": "discrete", "codes": 64}, {**HEALTHY, "perplexity": 1.2})
    assert "the code book has collapsed: its 64 codes say no more than 1.20 codes could" in said
    assert "lower --codes" in said


@pytest.mark.parametrize(
    ("name", "fix"), [("noise", "raise --beta"), ("sparse", "raise --l1"), ("discrete", "lower --codes")]
)
def test_a_latent_action_that_carries_the_future_is_told_with_the_fix(name, fix):
    (said,) = warnings_of({"name": name, "codes": 64}, {**HEALTHY, "leakage": 1.02})
    assert "across a cut between two clips the error is only 1.02 times that without" in said
    assert said.endswith(fix)


def test_the_bounds_are_not_told_what_they_are():
    assert warnings_of({"name": "none"}, {**HEALTHY, "leakage": 1.0}) == []
    assert warnings_of({"name": "deterministic"}, {**HEALTHY, "action_gap_shuffled": 1.0}) == []
