"""Decoders: pictures of any encoder's states, kept beside a checkpoint's weights and nowhere else."""

import json

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from checkpoint_harness import write_action_conditioned, write_checkpoint

from wm_ros.models.action_conditioned.model import load_action_conditioned
from wm_ros.models.card import CheckpointError
from wm_ros.models.checkpoint import load_checkpoint
from wm_ros.models.decoder import Decoder, draw
from wm_ros.models.decoder_checkpoint import load_decoder, save_decoder
from wm_ros.models.encoders.registry import build_encoder
from wm_ros.robots.profile import load_profile

SEEN = {"size": 32, "shortest_edge": None, "mean": [0.5] * 3, "std": [0.25] * 3}


@pytest.fixture
def folder(tmp_path):
    write_checkpoint(tmp_path / "model", load_profile("arm"))
    return tmp_path / "model"


def awake(*shape):
    """A decoder as training may leave it; one that was never trained draws the mean picture."""
    decoder = Decoder(*shape)
    torch.nn.init.normal_(decoder.rest[-1].weight, std=0.1)
    return decoder


def with_decoder(folder, encoder):
    torch.manual_seed(0)
    save_decoder(awake(encoder.tokens, encoder.dim, 32, encoder.grid), folder, {"scores": {"psnr": 30.0}})
    return load_decoder(folder, encoder)


@pytest.mark.parametrize(
    ("tokens", "dim", "grid"),
    [(1, 8, None), (16, 8, None), (4, 24, 2), (64, 24, 8), (256, 24, 16), (400, 24, 20)],
)
@pytest.mark.parametrize("size", [16, 64])
def test_states_of_any_shape_become_pictures(tokens, dim, grid, size):
    pictures = draw(awake(tokens, dim, size, grid), torch.randn(3, tokens, dim))
    assert pictures.shape == (3, size, size, 3)
    assert pictures.dtype == np.uint8
    assert len(np.unique(pictures)) > 1


@pytest.mark.parametrize(("tokens", "dim"), [(1, 8), (1, 16), (16, 8)])
def test_one_for_our_encoders_is_small(tokens, dim):
    numbers = sum(tensor.numel() for tensor in Decoder(tokens, dim, 64).state_dict().values())
    assert 2 * numbers < 1.5e6


def test_a_token_on_a_grid_draws_where_it_lies():
    torch.manual_seed(0)
    decoder = awake(64, 24, 64, 8)
    states = torch.randn(1, 64, 24)
    states[:, 0] = -states[:, 0]
    changed = torch.randn(1, 64, 24, generator=torch.Generator().manual_seed(1))
    changed = torch.cat([changed[:, :1], states[:, 1:]], dim=1)
    difference = (decoder(states) - decoder(changed)).abs().sum(dim=1)[0]
    assert difference[:16, :16].mean() > 2 * difference[32:, 32:].mean()


def test_it_begins_with_the_mean_picture():
    decoder, mean = Decoder(1, 8, 32), torch.linspace(0.1, 0.9, 3 * 32 * 32).view(3, 32, 32)
    decoder.begin_with(mean)
    torch.testing.assert_close(decoder(torch.randn(2, 1, 8)), mean.expand(2, 3, 32, 32))


@pytest.mark.parametrize(
    "config",
    [
        {"name": "tiny", "size": 32, "dim": 8, "width": 8},
        {"name": "video", "size": 32, "tokens": 4, "features": 2, "width": 8},
        {"name": "pixels", "model": {"patch": 8}, "input": SEEN},
    ],
)
def test_encoders_tell_what_they_see(config):
    encoder = build_encoder(config)
    frames = torch.full((2, 32, 32, 3), 51, dtype=torch.uint8)
    frames[1] = 204
    seen = encoder.input_pictures(frames)
    assert seen.shape == (2, 3, 32, 32)
    torch.testing.assert_close(seen[:, 0, 0, 0], torch.tensor([0.2, 0.8]))


def test_only_tokens_that_lie_on_a_grid_have_one():
    pixels = {"name": "pixels", "model": {"patch": 8}, "input": SEEN}
    assert build_encoder(pixels).grid == 4
    assert build_encoder({**pixels, "pool": 2}).grid == 2
    assert build_encoder({"name": "video", "size": 32, "tokens": 16, "features": 2, "width": 8}).grid is None


def test_a_checkpoint_without_one_has_none(folder):
    assert load_decoder(folder, load_checkpoint(folder).encoder) is None


def test_a_decoder_is_added_and_the_model_is_as_it_was(folder):
    before = (folder / "weights.safetensors").read_bytes()
    model = load_checkpoint(folder)
    decoder = with_decoder(folder, model.encoder)
    assert (folder / "weights.safetensors").read_bytes() == before
    assert json.loads((folder / "card.json").read_text())["decoder"]["scores"] == {"psnr": 30.0}
    assert sorted(path.name for path in folder.iterdir()) == [
        "card.json",
        "decoder.safetensors",
        "weights.safetensors",
    ]
    assert load_checkpoint(folder).card == model.card
    torch.manual_seed(0)
    drawn = awake(1, 8, 32)(torch.ones(1, 1, 8))
    torch.testing.assert_close(decoder(torch.ones(1, 1, 8)), drawn, atol=5e-3, rtol=0)


def test_a_model_that_was_converted_can_have_one(tmp_path):
    path = tmp_path / "converted"
    write_action_conditioned(path, load_profile("franka"))
    decoder = with_decoder(path, load_action_conditioned(path).encoder)
    assert decoder.shape["grid"] == 2
    assert load_action_conditioned(path)


def test_a_decoder_that_cannot_be_used_is_refused(folder):
    encoder = load_checkpoint(folder).encoder
    with_decoder(folder, encoder)
    other = build_encoder({"name": "tiny", "size": 32, "dim": 16, "width": 8})
    with pytest.raises(
        CheckpointError, match=r"draws states of .* this encoder makes .*'dim': 16.*train-decoder"
    ):
        load_decoder(folder, other)
    whole = (folder / "decoder.safetensors").read_bytes()
    (folder / "decoder.safetensors").write_bytes(whole[:1000])
    with pytest.raises(CheckpointError, match=r"decoder\.safetensors is damaged"):
        load_decoder(folder, encoder)
    (folder / "decoder.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"decoder\.safetensors is missing"):
        load_decoder(folder, encoder)
    assert load_checkpoint(folder)
