"""The networks: what they may see, what they must not, and that the fast way computes what the plain way does."""

import math

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from checkpoint_harness import randomise, small_model

from wm_ros.models.blocks import Attention, rotate, rotation_table
from wm_ros.models.controller import ActionOnly, StateConditioned
from wm_ros.models.encoders.tiny import TinyEncoder
from wm_ros.models.forward_model import ForwardModel
from wm_ros.models.goal_distance import GoalDistance
from wm_ros.models.inverse_dynamics import InverseDynamics
from wm_ros.robots.profile import load_profile

ARM = load_profile("arm")
DIM, LATENT = 6, 3
TOKENS = pytest.mark.parametrize("tokens", [1, 16])


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def forward_model(tokens, random=True):
    model = ForwardModel(tokens, DIM, LATENT, width=32, depth=2, heads=4)
    if random:
        randomise(model, weight=0.3)
    return model


def clip(tokens, frames, batch=3):
    return torch.randn(batch, frames, tokens, DIM), torch.randn(batch, frames, LATENT)


@TOKENS
@pytest.mark.parametrize("frames", [1, 2, 3, 5, 8, 16, 32])
def test_step_by_step_with_a_cache_equals_the_full_pass(tokens, frames):
    model = forward_model(tokens)
    states, latents = clip(tokens, frames)
    full = model(states, latents)
    cache, stepped = None, []
    for frame in range(frames):
        following, cache = model.step(states[:, frame], latents[:, frame], cache)
        stepped.append(following)
    torch.testing.assert_close(torch.stack(stepped, dim=1), full, rtol=1e-5, atol=1e-5)
    assert full.shape == states.shape


@TOKENS
@pytest.mark.parametrize("changed", ["state", "latent action"])
def test_the_future_never_changes_a_prediction(tokens, changed):
    model = forward_model(tokens)
    states, latents = clip(tokens, 6)
    before = model(states, latents)
    (states if changed == "state" else latents)[:, 3] += 1.0
    after = model(states, latents)
    torch.testing.assert_close(after[:, :3], before[:, :3], rtol=0, atol=1e-6)
    # What follows sees it, each frame of it.
    assert ((after - before)[:, 3:].abs().amax(dim=(0, 2, 3)) > 1e-3).all()


def test_inside_a_frame_every_token_sees_every_token():
    model = forward_model(4)
    states, latents = clip(4, 3)
    before = model(states, latents)
    states[:, 1, 3] += 1.0
    moved = (model(states, latents) - before)[:, 1].abs().amax(dim=(0, 2))
    assert (moved > 1e-4).all()


def test_the_order_of_the_past_matters():
    # One block: with more, frames see earlier ones and thereby their order, even without the rotation.
    model = ForwardModel(1, DIM, LATENT, width=32, depth=1, heads=4)
    randomise(model, weight=0.3)
    states, latents = clip(1, 4)
    order = [1, 0, 2, 3]
    change = model(states[:, order], latents[:, order])[:, 3] - model(states, latents)[:, 3]
    assert change.abs().max() > 1e-4


def test_a_rotation_by_hand():
    # Head size 4: the first pair of features turns by 1 rad a frame, the second by 100^(-1/2) = 0.1 rad.
    turned = rotate(torch.tensor([[[[1.0, 0.0, 0.0, 2.0]]]]), rotation_table(torch.tensor([3]), 4))
    expected = [math.cos(3.0), math.sin(3.0), -2 * math.sin(0.3), 2 * math.cos(0.3)]
    torch.testing.assert_close(turned.flatten(), torch.tensor(expected))


def test_attention_depends_on_how_far_frames_are_apart_alone():
    query, key = torch.randn(2, 1, 1, 1, 64).double()

    def product(asking, asked):
        rotated = [
            rotate(vector, rotation_table(torch.tensor([frame]), 64))
            for vector, frame in ((query, asking), (key, asked))
        ]
        return (rotated[0] * rotated[1]).sum()

    for apart in (0, 1, 7):
        # The table is single precision, and its error grows with the frame.
        torch.testing.assert_close(product(5 + apart, 5), product(300 + apart, 300), atol=1e-3, rtol=0)
        torch.testing.assert_close(product(5 + apart, 5), product(20 + apart, 20), atol=1e-4, rtol=0)
    assert (product(5, 5) - product(6, 5)).abs() > 0.1
    assert (product(5, 6) - product(6, 5)).abs() > 0.1


def test_every_token_of_a_frame_is_turned_alike():
    """All tokens of a frame are at the same time: mixed up among themselves, they predict the same, mixed up."""
    model = forward_model(16)
    torch.nn.init.zeros_(model.place)
    states, latents = clip(16, 4)
    order = torch.randperm(16)
    torch.testing.assert_close(
        model(states[:, :, order], latents), model(states, latents)[:, :, order], atol=1e-5, rtol=1e-5
    )


def test_the_latent_action_is_broadcast_over_the_tokens_and_never_repeated():
    model, seen = forward_model(16), []
    for block in model.blocks:
        block.modulation.register_forward_hook(lambda module, given, made: seen.append((*given, made)))
    states, latents = clip(16, 4)
    model(states, latents)
    width = 32
    assert [tuple(tensor.shape) for tensor in seen[0]] == [(3, 4, 1, width), (3, 4, 1, 6 * width)]
    stored = [made.untyped_storage().nbytes() for _, made in seen]
    assert stored == [4 * 3 * 4 * 6 * width] * len(model.blocks)


def test_samples_of_a_batch_do_not_mix():
    model = forward_model(4)
    states, latents = clip(4, 3)
    torch.testing.assert_close(model(states[1:2], latents[1:2]), model(states, latents)[1:2])


@TOKENS
def test_modulation_starts_at_zero_and_learns_from_the_first_gradient(tokens):
    model = forward_model(tokens, random=False)
    states, latents = clip(tokens, 3)
    # Untrained, it predicts no change.
    torch.testing.assert_close(model(states, latents), states, rtol=0, atol=0)
    torch.nn.init.normal_(model.read.weight)
    torch.testing.assert_close(model(states, latents), model(states, latents + 1.0), rtol=0, atol=0)
    # All blocks pass their input through: only the embedding and the read-out act.
    plain = states + model.read(model.norm(model.embed(states) + model.place))
    torch.testing.assert_close(model(states, latents), plain)
    model(states, latents).square().mean().backward()
    assert all(block.modulation.weight.grad.abs().max() > 0 for block in model.blocks)


def test_heads_must_divide_the_width_evenly():
    for width, heads in ((30, 4), (12, 4)):
        with pytest.raises(ValueError, match=f"width {width} must split into {heads} heads of even size"):
            Attention(width, heads)


@TOKENS
def test_inverse_dynamics_tells_before_from_after(tokens):
    model = InverseDynamics(tokens, DIM, 2 * LATENT, width=16, depth=2, heads=2)
    before, after = torch.randn(2, 5, tokens, DIM)
    there = model(before, after)
    assert there.shape == (5, 2 * LATENT)
    assert (there - model(after, before)).abs().max() > 1e-3
    torch.testing.assert_close(model(before[2:3], after[2:3]), there[2:3])


@TOKENS
def test_the_controller_reads_vector_and_state(tokens):
    model = StateConditioned(2, LATENT, tokens, DIM, width=16, heads=2)
    vector, state = torch.randn(5, 2), torch.randn(5, tokens, DIM)
    out = model(vector, state)
    assert out.shape == (5, LATENT)
    assert ((model(vector + 1, state) - out).abs().amax(dim=1) > 1e-4).all()
    assert ((model(vector, state + torch.randn(DIM)) - out).abs().amax(dim=1) > 1e-4).all()


def test_the_action_only_controller_reads_the_vector_alone():
    model = small_model(ARM, weight=0.5, controller_kind="action-only")
    assert isinstance(model.controller, ActionOnly)
    action, state = torch.randn(5, 2), torch.randn(5, 1, 8)
    latent = model.latent_action(action, state)
    assert latent.shape == (5, 2)
    assert torch.equal(model.latent_action(action, torch.randn(5, 1, 8)), latent)
    assert ((model.latent_action(action + 1, state) - latent).abs().amax(dim=1) > 1e-4).all()
    # The way back is not part of the baseline.
    assert not torch.equal(model.robot_action(latent, state), model.robot_action(latent, state + 1))


def test_goal_distance_is_zero_at_the_goal_and_smooth_there():
    model = GoalDistance(2, DIM, actions=2)
    states, goal = torch.randn(4, 7, 2, DIM), torch.randn(2, DIM, requires_grad=True)
    distances = model(states, goal)
    assert distances.shape == (4, 7)
    by_hand = (model.embed(states) - model.embed(goal)).norm(dim=-1)
    torch.testing.assert_close(distances, by_hand, atol=1e-4, rtol=1e-4)
    at_goal = model(goal.detach(), goal)
    assert at_goal.item() < 2e-3
    at_goal.backward()
    assert goal.grad.isfinite().all()


# Encoder


def pictures(batch, height, width):
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (batch, height, width, 3), np.uint8))


def test_every_frame_is_encoded_on_its_own():
    encoder = TinyEncoder(size=32, dim=8, width=8)
    frames = pictures(4, 32, 32)
    states = encoder(frames)
    assert states.shape == (4, 1, 8)
    torch.testing.assert_close(
        torch.cat([encoder(frame[None]) for frame in frames]), states, atol=1e-5, rtol=1e-4
    )
    frames[3] = 255 - frames[3]
    torch.testing.assert_close(encoder(frames)[:3], states[:3])
    assert (encoder(frames)[3] - states[3]).abs().max() > 1e-3


@pytest.mark.parametrize(("height", "width"), [(96, 128), (128, 96), (96, 96)])
def test_other_resolutions_are_cropped_to_the_centre_square_and_area_resized(height, width):
    encoder = TinyEncoder(size=32, dim=8, width=8)
    frames = pictures(2, height, width)
    top, left = (height - 96) // 2, (width - 96) // 2
    square = frames[:, top : top + 96, left : left + 96].double()
    blocks = square.reshape(2, 32, 3, 32, 3, 3).mean(dim=(2, 4)).permute(0, 3, 1, 2)
    images = encoder.preprocess(frames)
    torch.testing.assert_close(images, (blocks / 127.5 - 1.0).float())
    torch.testing.assert_close(encoder(frames), encoder.from_images(images))


def test_what_lies_outside_the_centre_square_does_not_matter():
    encoder = TinyEncoder(size=32, dim=8, width=8)
    frames = pictures(1, 96, 128)
    states = encoder(frames)
    frames[:, :, :16] = 0
    frames[:, :, 112:] = 255
    torch.testing.assert_close(encoder(frames), states, atol=0, rtol=0)


def test_the_native_size_is_only_scaled_to_minus_one_to_one():
    frames = pictures(1, 32, 32)
    frames[0, 0, 0] = torch.tensor([0, 255, 51])
    images = TinyEncoder(size=32, dim=8, width=8).preprocess(frames)
    torch.testing.assert_close(images[0, :, 0, 0], torch.tensor([-1.0, 1.0, -0.6]))
    torch.testing.assert_close(images, frames.permute(0, 3, 1, 2) / 127.5 - 1.0)


def test_a_smaller_picture_is_enlarged():
    encoder = TinyEncoder(size=32, dim=8, width=8)
    frames = pictures(1, 16, 16)
    doubled = frames.repeat_interleave(2, dim=1).repeat_interleave(2, dim=2)
    torch.testing.assert_close(encoder.preprocess(frames), encoder.preprocess(doubled))


@pytest.mark.parametrize(
    "sizes", [{"size": 40}, {"width": 12}, {"size": 0}, {"size": 4096}, {"width": 0}, {"dim": 0}]
)
def test_an_encoder_that_cannot_be_built_is_refused(sizes):
    with pytest.raises(ValueError, match="size must be a multiple of 16 and width of 8"):
        TinyEncoder(**sizes)


# The whole


def test_a_rollout_is_the_forward_model_fed_with_its_own_predictions():
    model = small_model(ARM, weight=0.3)
    state, actions = torch.randn(3, 1, 8), torch.randn(3, 5, 2)
    predicted = model.rollout(state, actions)
    states = torch.cat([state[:, None], predicted[:, :-1]], dim=1)
    latents = model.latent_action(actions.flatten(0, 1), states.flatten(0, 1)).unflatten(0, (3, 5))
    torch.testing.assert_close(model.forward_model(states, latents), predicted, atol=1e-5, rtol=1e-5)


def test_robot_actions_are_in_si_units_at_both_ends():
    scaled = small_model(ARM, action_scale=(2.0, 0.5))
    plain = small_model(ARM)
    scale = torch.tensor([2.0, 0.5])
    action, latent, state = torch.randn(4, 2), torch.randn(4, 2), torch.randn(4, 1, 8)
    torch.testing.assert_close(
        scaled.latent_action(action * scale, state), plain.latent_action(action, state)
    )
    torch.testing.assert_close(scaled.robot_action(latent, state), plain.robot_action(latent, state) * scale)


def test_a_labelled_model_passes_the_normalised_action_through():
    model = small_model(ARM, action_scale=(2.0, 0.5), bottleneck={"name": "labelled"})
    action, state = torch.tensor([[1.0, 1.0], [-2.0, 0.25]]), torch.randn(2, 1, 8)
    latent = model.latent_action(action, state)
    torch.testing.assert_close(latent, torch.tensor([[0.5, 2.0], [-1.0, 0.5]]))
    torch.testing.assert_close(model.robot_action(latent, state), action)
    assert not list(model.controller.parameters())


def test_a_latent_action_is_the_mean_of_what_inverse_dynamics_reads():
    model = small_model(ARM, weight=0.3)
    before, after = torch.randn(2, 4, 1, 8)
    torch.testing.assert_close(model.infer(before, after), model.inverse_dynamics(before, after)[:, :2])


def test_tokens_that_are_one_to_the_networks_are_told_apart_all_the_same():
    torch.manual_seed(0)
    states, latents = torch.randn(3, 5, 6, DIM), torch.randn(3, 4, LATENT)
    forward = ForwardModel(6, DIM, LATENT, width=16, depth=1, heads=2, merge=3)
    torch.nn.init.normal_(forward.read.weight)
    predicted = forward(states[:, :-1], latents)
    assert predicted.shape == states[:, :-1].shape
    one_by_one = forward.unroll(states[:, 0], 1, lambda step, _: latents[:, step])
    torch.testing.assert_close(one_by_one[:, 0], predicted[:, 0], atol=1e-5, rtol=1e-4)
    infer = InverseDynamics(6, DIM, LATENT, width=16, depth=1, heads=2, merge=6)
    control = StateConditioned(2, LATENT, 6, DIM, width=16, heads=2, merge=2)
    for part in (
        lambda states: infer(states[:, 0], states[:, 1]),
        lambda states: control(torch.ones(3, 2), states[:, 0]),
        lambda states: forward(states[:, :1], latents[:, :1]),
    ):
        assert not torch.allclose(part(states), part(states.flip(2)), atol=1e-3)
