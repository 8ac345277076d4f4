"""What candidates are imagined to lead to: the same as the full pass over everything, and cheaper."""

import gc
from functools import cache

import pytest

pytest.importorskip("torch")

import torch
from checkpoint_harness import randomise, small_model
from torch.utils.flop_counter import FlopCounterMode

from wm_ros.bench.planning.recompute import recompute
from wm_ros.models.card import Network
from wm_ros.models.controller import StateConditioned
from wm_ros.models.forward_model import ForwardModel
from wm_ros.models.inverse_dynamics import InverseDynamics
from wm_ros.models.kv_cache import KVCache, turned
from wm_ros.robots.profile import load_profile

ARM = load_profile("arm")


@cache
def world(tokens, controller_kind="state-conditioned", bottleneck="noise"):
    """A model with so many tokens a frame, whatever its encoder gives."""
    size = Network(width=32, depth=2, heads=4)
    card = {"forward_model": size, "controller": size, "inverse_dynamics": size}
    card |= {"controller_kind": controller_kind, "bottleneck": {"name": bottleneck}}
    model = small_model(ARM, weight=0.3, **card)
    if tokens > 1:
        model.forward_model = ForwardModel(tokens, 8, 2, width=32, depth=2, heads=4)
        model.inverse_dynamics = InverseDynamics(tokens, 8, 2 * 2, width=32, depth=2, heads=4)
        model.controller = StateConditioned(2, 2, tokens, 8, width=32, heads=4, depth=2)
        randomise(model, weight=0.3)
    return model.requires_grad_(False)


def frames(count, tokens):
    return torch.randn(count, tokens, 8, generator=torch.Generator().manual_seed(count))


def actions(candidates, steps):
    return torch.randn(candidates, steps, 2, generator=torch.Generator().manual_seed(steps))


@pytest.fixture(params=[1, 4], scope="module", ids=["1 token", "4 tokens"])
def tokens(request):
    return request.param


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("context", range(1, 9))
@torch.inference_mode()
def test_it_equals_the_full_pass(tokens, context, steps):
    model, observed, told = world(tokens), frames(context, tokens), actions(7, steps)
    full = recompute(model, observed, told)
    assert full.shape == (7, steps, tokens, 8)
    assert full.std(dim=0).min() > 1e-4  # candidates do differ
    torch.testing.assert_close(model.imaginer()(observed)(told), full, rtol=1e-5, atol=1e-5)


@torch.inference_mode()
def test_the_observed_past_matters():
    model, observed, told = world(1), frames(8, 1), actions(7, 3)
    long, short = (model.imaginer()(part)(told) for part in (observed, observed[-1:]))
    assert (long - short).abs().amax() > 1e-3


@pytest.mark.parametrize(
    "card",
    [
        {"controller_kind": "action-only"},
        {"bottleneck": "deterministic"},
        {"bottleneck": "discrete"},
    ],
)
@torch.inference_mode()
def test_every_kind_of_model_can_be_imagined_with(card):
    model, observed, told = world(1, **card), frames(3, 1), actions(5, 3)
    full = recompute(model, observed, told)
    torch.testing.assert_close(model.imaginer()(observed)(told), full, rtol=1e-5, atol=1e-5)


@torch.inference_mode()
def test_it_equals_the_rollout_that_training_uses():
    model, observed, told = world(1), frames(1, 1), actions(7, 5)
    expected = model.rollout(observed.expand(7, -1, -1), told)
    torch.testing.assert_close(model.imaginer()(observed)(told), expected, rtol=1e-5, atol=1e-5)


@torch.inference_mode()
def test_the_order_of_the_candidates_changes_nothing(tokens):
    imagine, told = world(tokens).imaginer()(frames(3, tokens)), actions(16, 3)
    order = torch.randperm(16, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(imagine(told[order]), imagine(told)[order], rtol=1e-5, atol=1e-5)


@torch.inference_mode()
def test_calls_do_not_remember_each_other(tokens):
    imagine = world(tokens).imaginer()(frames(3, tokens))
    first = imagine(actions(16, 3))
    imagine(actions(5, 4))
    torch.testing.assert_close(imagine(actions(16, 3)), first, rtol=0, atol=0)


@torch.inference_mode()
def test_the_arithmetic_grows_with_the_frames_imagined_and_not_with_their_square():
    model = world(4)

    def flops(way, context, steps):
        with FlopCounterMode(display=False) as counter:
            way(frames(context, 4), actions(32, steps))
        return counter.get_total_flops()

    def incremental(observed, told):
        return model.imaginer()(observed)(told)

    def full(observed, told):
        return recompute(model, observed, told)

    assert flops(incremental, 1, 8) < 2.2 * flops(incremental, 1, 4)
    assert flops(full, 1, 8) > 2.8 * flops(full, 1, 4)
    # The past is there for all candidates at once.
    assert flops(incremental, 8, 2) < 1.3 * flops(incremental, 1, 2)


@torch.inference_mode()
def test_nothing_is_left_over_after_many_plans():
    model, observed, told = world(1), frames(3, 1), actions(4, 2)

    def alive():
        gc.collect()
        return sum(type(one) in (torch.Tensor, KVCache) for one in gc.get_objects())

    model.imaginer()(observed)(told)
    before = alive()
    for _ in range(20):
        model.imaginer()(observed)(told)
    assert alive() <= before


@torch.inference_mode()
def test_in_bf16_the_state_keeps_its_precision():
    model, observed, told = world(1), frames(3, 1), actions(7, 3)
    exact, rounded = (model.imaginer(kind)(observed)(told) for kind in (torch.float32, torch.bfloat16))
    assert rounded.dtype == torch.float32
    assert 0 < (exact - rounded).abs().max() < 0.05
    assert model.forward_model.place.dtype == torch.float32


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_the_rotation_that_a_compiler_can_write_code_for_is_the_same(monkeypatch, precision):
    rotations = ForwardModel(4, 8, 2, width=64, depth=1, heads=2).rotations(5, 3)
    assert rotations.shape == (3, 16, 2)
    x = torch.randn(7, 4, 2, 32, generator=torch.Generator().manual_seed(0)).to(precision)
    complex_product = [turned(x, rotation) for rotation in rotations]
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    tolerance = {"rtol": 0, "atol": 1e-6} if precision == torch.float32 else {"rtol": 2**-7, "atol": 1e-6}
    for rotation, expected in zip(rotations, complex_product, strict=True):
        found = turned(x, rotation)
        assert found.dtype == precision
        torch.testing.assert_close(found, expected, **tolerance)
        assert not torch.allclose(found, x, atol=0.1)
