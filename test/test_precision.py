"""bf16 is planned with only where it was measured to choose the same candidates, and to be faster."""

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


def test_a_model_whose_actions_matter_passes_on_accuracy():
    compared = compare_precisions(small_model(ARM, weight=0.3), PlannerOptions())
    assert compared.overlap >= 8
    assert 10.0 <= compared.spread < 1e6
    assert compared.speedup > 0.0


def test_a_model_whose_actions_hardly_matter_fails():
    """The spread of the costs drowns in the rounding."""
    model = small_model(ARM, weight=0.3)
    with torch.no_grad():
        for block in model.forward_model.blocks:
            block.modulation.weight.mul_(1e-4)
    compared = compare_precisions(model, PlannerOptions())
    assert compared.spread < 10.0
    assert not compared.bf16
