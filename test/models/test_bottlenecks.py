"""The five bottlenecks of a latent action: their formulas by hand, and what they do to what passes through."""

import math

import pytest

pytest.importorskip("torch")

import torch
from checkpoint_harness import small_model

from wm_ros.models.bottlenecks import discrete
from wm_ros.models.bottlenecks.build import build_bottleneck, complete_options
from wm_ros.models.bottlenecks.kinds import CHOICES, KINDS
from wm_ros.models.bottlenecks.noise import LOG_VARIANCE_LIMITS, kl_per_dimension, split
from wm_ros.models.bottlenecks.option import BottleneckError
from wm_ros.models.bottlenecks.sparse import energy, variance_loss
from wm_ros.robots.profile import load_profile

ARM = load_profile("arm")


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def generator():
    return torch.Generator().manual_seed(0)


def build(name, latent=3, **options):
    return build_bottleneck({"name": name, **options}, latent)


def code_book(codes):
    """A discrete bottleneck with these codes, all in use."""
    module = build("discrete", latent=len(codes[0]), codes=len(codes))
    with torch.no_grad():
        module.codes.copy_(torch.tensor(codes))
        module.idle.zero_()
    return module


def close(found, expected, **tolerance):
    torch.testing.assert_close(found, torch.tensor(expected), **tolerance)


# The switch


@pytest.mark.parametrize("name", KINDS)
def test_every_bottleneck_makes_z_of_what_inverse_dynamics_reads(name):
    module = build(name)
    raw = torch.randn(4, 5, module.outputs)
    assert module.mean(raw).shape == (4, 5, 3)
    assert torch.equal(module.mean(raw), module.mean(raw))
    health = module.health(raw)
    assert health["variance_per_dimension"].shape == (3,)
    assert 0 <= health["active_dimensions"] <= 3


@pytest.mark.parametrize("name", CHOICES)
def test_training_depends_on_read_out_and_generator_alone(name):
    raw = torch.randn(4, 5, build(name).outputs)
    (z, loss), (again, other) = (build(name)(raw, generator()) for _ in range(2))
    assert z.shape == (4, 5, 3)
    assert loss.shape == ()
    assert torch.equal(z, again)
    assert torch.equal(loss, other)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (
            {"name": "vq"},
            "unknown bottleneck 'vq'; known names: noise, sparse, discrete, none, deterministic",
        ),
        ({}, "unknown bottleneck None"),
        ({"name": "noise", "l1": 0.1}, "l1 is no option of the bottleneck 'noise'; its options: beta"),
        ({"name": "none", "beta": 0.1}, "beta is no option of the bottleneck 'none'; it has none"),
        ({"name": "noise", "beta": -1e-9}, r"bottleneck\.beta must be a number from 0 to 10, got -1e-09"),
        ({"name": "noise", "beta": math.nan}, r"bottleneck\.beta must be a number from 0 to 10, got nan"),
        ({"name": "sparse", "l1": "big"}, r"bottleneck\.l1 must be a number from 0 to 10, got 'big'"),
        ({"name": "discrete", "codes": 1}, r"bottleneck\.codes must be an integer from 2 to 32768, got 1"),
        ({"name": "discrete", "codes": 16.0}, r"bottleneck\.codes must be an integer .* got 16\.0"),
        ({"name": "discrete", "codes": True}, r"bottleneck\.codes must be an integer .* got True"),
    ],
)
def test_what_is_unknown_or_out_of_range_is_named(config, said):
    with pytest.raises(BottleneckError, match=said):
        build_bottleneck(config, 3)


def test_options_that_are_not_given_are_filled_in():
    assert complete_options({"name": "noise"}) == {"name": "noise", "beta": 3e-3}
    assert complete_options({"name": "discrete", "codes": 8}) == {"name": "discrete", "codes": 8}


@pytest.mark.parametrize("name", CHOICES)
def test_a_model_infers_what_its_bottleneck_lets_through(name):
    model = small_model(ARM, weight=0.3, bottleneck=complete_options({"name": name}))
    before, after = torch.randn(2, 4, 1, 8)
    raw = model.inverse_dynamics(before, after)
    assert torch.equal(model.infer(before, after), model.bottleneck.mean(raw))


def test_variance_and_active_dimensions_by_hand():
    # Variances 4, 0.041 and 0.039: the last is less than a hundredth of the first.
    raw = torch.tensor([[2.0, 0.041**0.5, 0.039**0.5], [-2.0, -(0.041**0.5), -(0.039**0.5)]])
    health = build("none").health(raw)
    close(health["variance_per_dimension"], [4.0, 0.041, 0.039])
    close(health["variance"], 4.08 / 3)
    assert health["active_dimensions"] == 2


# Noise


def test_kl_by_hand():
    # KL(N(1, 1) || N(0, 1)) = 1/2; KL(N(0, e^2) || N(0, 1)) = (e^2 - 1 - 2) / 2; the third says nothing.
    raw = torch.tensor([[1.0, 0.0, 0.0, 0.0, 2.0, 0.0]]).repeat(2, 1)
    module = build("noise", beta=0.01)
    health = module.health(raw)
    close(health["kl_per_dimension"], [0.5, 2.194528, 0.0])
    close(health["kl"], 2.694528)
    assert health["active_dimensions"] == 2
    close(module(raw, generator())[1], 0.02694528)


def test_kl_agrees_with_torch_distributions_and_averages_over_all_but_the_last_axis():
    mean, log_variance = torch.randn(2, 4, 5, 3)
    q = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    kl = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0))
    torch.testing.assert_close(kl_per_dimension(mean, log_variance), kl.mean(dim=(0, 1)))


def test_samples_have_the_mean_and_variance_they_should_and_pass_gradients():
    raw = torch.tensor([2.0, -1.0, 0.0, -2.0]).expand(20_000, 4).clone().requires_grad_()
    module = build("noise", latent=2)
    drawn, _ = module(raw, generator())
    close(drawn.mean(dim=0), [2.0, -1.0], atol=0.03, rtol=0)
    close(drawn.var(dim=0), [1.0, 0.1353], atol=0.03, rtol=0)
    close(module.mean(raw)[0], [2.0, -1.0])
    drawn.square().sum().backward()
    assert raw.grad[:, :2].abs().min() > 0
    assert raw.grad[:, 2:].abs().sum() > 0


def test_a_runaway_read_out_keeps_its_variance_finite():
    mean, log_variance = split(torch.tensor([[0.0, 1e9], [3.0, -1e9]]))
    close(mean, [[0.0], [3.0]])
    assert kl_per_dimension(mean, log_variance).isfinite().all()
    assert log_variance.flatten().tolist() == list(reversed(LOG_VARIANCE_LIMITS))


# Sparse


def test_energy_by_hand():
    # D = 4. Row one: sqrt(4) - 1 = 1, and l1 1.4; row two: longer than sqrt(4), and l1 3.
    z = torch.tensor([[0.6, -0.8, 0.0, 0.0], [-3.0, 0.0, 0.0, 0.0]])
    close(energy(z, 0.1), ((1.0 + 0.14) + 0.3) / 2)


def test_variance_loss_by_hand():
    # Means 1 and 0; variances 2 and 1/8 (n - 1 = 1), covariance 1/2.
    z = torch.tensor([[2.0, 0.25], [0.0, -0.25]])
    missing = (0.0 + 1.0 - 0.125**0.5) / 2
    shared = 2 * 0.5**2 / 2
    squared_mean = (1.0 + 0.0) / 2
    close(variance_loss(z), 0.1 * missing + 0.001 * shared + 0.1 * squared_mean)


def test_sparse_adds_both_and_lets_z_through():
    raw = torch.randn(4, 5, 3)
    z, loss = build("sparse", l1=0.4)(raw, generator())
    assert z is raw
    flat = raw.view(20, 3)
    torch.testing.assert_close(loss, energy(flat, 0.4) + variance_loss(flat))


@pytest.mark.parametrize("shape", [(8, 3), (8, 1), (1, 3)])
def test_a_collapsed_z_has_a_finite_gradient_that_a_spread_one_escapes_by(shape):
    raw = torch.zeros(shape, requires_grad=True)
    _, loss = build("sparse", latent=shape[1])(raw, generator())
    loss.backward()
    assert raw.grad.isfinite().all()
    tiny = (1e-2 * torch.randn(64, 3)).requires_grad_()
    build("sparse", l1=0.01)(tiny, generator())[1].backward()
    assert (tiny.grad * tiny).sum() < 0


# Discrete


def test_the_nearest_code_and_its_loss_by_hand():
    module = code_book([[0.0, 0.0], [1.0, 1.0], [-4.0, 0.0]])
    raw = torch.tensor([[0.2, 0.0], [1.0, 0.6], [-2.5, 0.0], [0.4, 0.4]], requires_grad=True)
    z, loss = module(raw, generator())
    codes = [[0.0, 0.0], [1.0, 1.0], [-4.0, 0.0], [0.0, 0.0]]
    close(z, codes)
    assert torch.equal(module.mean(raw), torch.tensor(codes))
    # Squared distances .04, .16, 2.25 and .32 over 8 numbers, once for the codes and a quarter for the read-outs.
    close(loss, 1.25 * 2.77 / 8)


def test_gradients_pass_straight_through_and_each_side_is_drawn_to_the_other():
    module = code_book([[0.0], [4.0]])
    raw = torch.tensor([[1.0], [3.0]], requires_grad=True)
    z, loss = module(raw, generator())
    (5.0 * z).sum().backward(retain_graph=True)
    close(raw.grad, [[5.0], [5.0]])
    assert module.codes.grad is None
    raw.grad = None
    loss.backward()
    # d/draw of .25 * mean (raw - code)^2, d/dcode of mean (code - raw)^2.
    close(raw.grad, [[0.25], [-0.25]])
    close(module.codes.grad, [[-1.0], [1.0]])


def test_a_new_code_book_begins_on_what_is_read_out():
    module, raw = build("discrete", codes=16), 7.0 + torch.randn(100, 3)
    module(raw, generator())
    assert all((code == raw).all(dim=1).any() for code in module.codes)


def test_a_code_without_use_is_put_on_a_read_out_after_twenty_steps_and_no_other_moves():
    module = code_book([[0.0], [1.0], [100.0]])
    raw = torch.tensor([[0.1], [0.9]])
    draw = generator()
    for _ in range(discrete.RESET_AFTER):
        module(raw, draw)
        close(module.codes.detach(), [[0.0], [1.0], [100.0]])
    module(raw, draw)
    close(module.codes.detach()[:2], [[0.0], [1.0]])
    assert module.codes[2].item() in raw.flatten().tolist()


def test_use_never_changes_the_code_book():
    module = build("discrete", codes=16)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    module.mean(torch.randn(10, 3))
    module.health(torch.randn(10, 3))
    assert set(before) == {"codes", "idle"}
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())


@pytest.mark.parametrize(
    ("raw", "used", "perplexity"),
    [([0.0] * 4, 0.25, 1.0), ([0.0, 0.0, 10.0, 10.0], 0.5, 2.0), ([0.0, 10.0, 20.0, 30.0], 1.0, 4.0)],
)
def test_code_use_and_perplexity_by_hand(raw, used, perplexity):
    health = code_book([[0.0], [10.0], [20.0], [30.0]]).health(torch.tensor(raw)[:, None])
    close(health["codes_used"], used)
    close(health["perplexity"], perplexity)


def test_perplexity_of_uneven_use_by_hand():
    # exp(-(3/4 ln 3/4 + 1/4 ln 1/4))
    health = code_book([[0.0], [10.0]]).health(torch.tensor([[0.0], [0.0], [0.0], [10.0]]))
    close(health["perplexity"], 1.754765)


# The bounds


def test_none_lets_everything_through_for_free():
    raw = torch.randn(4, 5, 3)
    z, loss = build("none")(raw, generator())
    assert z is raw
    assert loss == 0


def test_deterministic_is_zero_whatever_happens():
    module, raw = build("deterministic"), torch.full((4, 3), torch.inf)
    z, loss = module(raw, generator())
    for zero in (z, loss, module.mean(raw), module.health(raw)["variance"]):
        assert not zero.any()
    assert module.health(raw)["active_dimensions"] == 0


def test_no_action_reaches_the_forward_model_of_a_deterministic_model():
    model = small_model(ARM, weight=0.3, bottleneck={"name": "deterministic"})
    state, actions = torch.randn(3, 1, 8), torch.randn(3, 4, 2)
    assert torch.equal(model.latent_action(actions[:, 0], state), torch.zeros(3, 2))
    assert torch.equal(model.rollout(state, actions), model.rollout(state, -actions))
