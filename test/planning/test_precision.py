"""bf16 is planned with only where it was measured to choose the same candidates, and to be faster."""

from functools import partial
from types import SimpleNamespace

import pytest

pytest.importorskip("torch")

import torch
from checkpoint_harness import small_model

from wm_ros.planning.options import PlannerOptions
from wm_ros.planning.precision import Compared, compare_precisions
from wm_ros.robots.profile import load_profile

ARM = load_profile("arm")


@pytest.mark.parametrize(
    ("figures", "bf16"),
    [
        ((10, 50.0, 2.0), True),
        ((8, 10.0, 1.2), True),
        ((7, 50.0, 2.0), False),
        ((10, 9.9, 2.0), False),
        ((10, float("nan"), 2.0), False),
        ((10, 50.0, 1.1), False),
    ],
)
def test_all_three_must_be_good_enough(figures, bf16):
    compared = Compared(*figures)
    assert compared.bf16 == bf16
    assert str(compared).startswith("bf16: " if bf16 else "fp32: ")
    assert f"{figures[0]} of the 10 best" in str(compared)


class World:
    """Actions move the state by so much; what is imagined is rounded."""

    device = torch.device("cpu")
    card, encoder = SimpleNamespace(robot=ARM), SimpleNamespace(tokens=1, dim=2)
    goal_distance = SimpleNamespace(embed=torch.nn.Flatten(-2), latent_step=None, rests=True)

    def __init__(self, gain):
        self.gain = gain

    def imaginer(self, precision, compiled=False):
        def imagine(observed, actions):
            moved = observed[-1] + self.gain * actions.cumsum(dim=1).unsqueeze(2)
            return moved.to(precision).float()

        return lambda observed: partial(imagine, observed)


def test_where_actions_matter_rounding_does_not():
    compared = compare_precisions(World(gain=1.0), PlannerOptions())
    assert compared.overlap >= 8
    assert 10.0 <= compared.spread < 1e6
    assert compared.speedup > 0.0


def test_where_actions_hardly_matter_rounding_hides_them():
    compared = compare_precisions(World(gain=1e-3), PlannerOptions())
    assert compared.spread < 10.0
    assert not compared.bf16


def test_a_world_model_can_be_compared():
    compared = compare_precisions(small_model(ARM, weight=0.3), PlannerOptions())
    assert 0 <= compared.overlap <= 10
    assert 0.0 < compared.spread < 1e6
