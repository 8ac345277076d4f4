"""One encoder for several cameras: each one's tokens are what it makes of that picture alone."""

import pytest

pytest.importorskip("torch")

import torch
from checkpoint_harness import randomise, small_model, write_action_conditioned
from two_cameras import two_cameras

from wm_ros.evaluation.dataset.encoders import HookedEncoder, load_named_encoder
from wm_ros.models.checkpoint import CheckpointError, load_checkpoint, require_robot, save_checkpoint
from wm_ros.models.encoders.registry import build_encoder
from wm_ros.models.encoders.views import SeveralViews, per_view
from wm_ros.robots.profile import load_profile
from wm_ros.stages.encode import Encode

TINY = {"name": "tiny", "size": 32, "dim": 8, "width": 8}
VIDEO = {"name": "video", "size": 32, "tokens": 4, "features": 2, "width": 8}
INPUT = {"size": 32, "shortest_edge": 36, "mean": [0.5] * 3, "std": [0.5] * 3}
PIXELS = {"name": "pixels", "model": {"patch": 16}, "input": INPUT}
PROFILE = two_cameras()


def frames(batch=3, side=40, views=2):
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (batch, side, views * side, 3), generator=generator, dtype=torch.uint8)


@pytest.mark.parametrize("config", [TINY, VIDEO, PIXELS])
@pytest.mark.parametrize("views", [2, 3])
def test_tokens_are_those_of_each_camera_one_after_the_other(config, views):
    encoder = build_encoder(config, views).eval()
    randomise(encoder)
    one, seen = per_view(encoder), frames(views=views)
    alone = [one(part.contiguous()) for part in seen.chunk(views, dim=2)]
    tokens = encoder(seen)
    assert tokens.shape == (3, views * one.tokens, one.dim) == (3, encoder.tokens, encoder.dim)
    torch.testing.assert_close(tokens, torch.cat(alone, dim=1))
    torch.testing.assert_close(encoder.from_images(encoder.preprocess(seen)), tokens)
    shown = torch.cat([one.input_pictures(part.contiguous()) for part in seen.chunk(views, dim=2)], dim=-1)
    torch.testing.assert_close(encoder.input_pictures(seen), shown)


def test_all_cameras_are_one_batch_of_the_encoder():
    encoder = build_encoder(TINY, 2)
    seen = []
    per_view(encoder).trunk.register_forward_hook(lambda _, given, __: seen.append(len(given[0])))
    encoder(frames(batch=1))
    assert seen == [2]


def test_one_camera_has_the_encoder_itself():
    assert not isinstance(build_encoder(TINY, 1), SeveralViews)
    assert small_model(load_profile("arm")).encoder.views == 1


def test_frames_of_one_camera_are_refused():
    with pytest.raises(ValueError, match=r"frames of 2 cameras must be \[B, S, 2 \* S, 3\]"):
        build_encoder(TINY, 2)(frames(views=1))


def test_a_checkpoint_comes_back_and_belongs_to_its_cameras(tmp_path):
    model = small_model(PROFILE)
    save_checkpoint(model, tmp_path / "model")
    again = load_checkpoint(tmp_path / "model")
    assert again.card.robot == PROFILE
    frame = frames(batch=1)[0].numpy()
    torch.testing.assert_close(Encode(again)(frame), Encode(model)(frame))
    assert Encode(model)(frame).shape == (2, 8)
    require_robot(again, PROFILE)
    with pytest.raises(CheckpointError, match="cameras top, side against one"):
        require_robot(again, load_profile("arm"))


@pytest.mark.parametrize("config", [TINY, VIDEO])
def test_layers_are_those_of_all_cameras(config):
    hooked = HookedEncoder(small_model(PROFILE, encoder=config).encoder)
    found = hooked(frames())
    assert len(found) > 1
    assert {len(tokens) for tokens in found.values()} == {3}


def test_the_control_of_pixels_sees_all_cameras():
    model, seen = small_model(PROFILE), frames()
    tokens = load_named_encoder("pixels", model)(seen)
    assert tokens.shape == (3, 2, 768)
    alone = load_named_encoder("pixels", small_model(load_profile("arm")))
    torch.testing.assert_close(tokens[:, 1:], alone(seen[:, :, 40:].contiguous()))
    assert load_named_encoder("random", model).tokens == 2


def test_v_jepa_2_ac_takes_one_camera(tmp_path):
    from dataclasses import replace

    franka = load_profile("franka_velocity")
    several = replace(franka, camera=PROFILE.camera, other_cameras=PROFILE.other_cameras)
    with pytest.raises(CheckpointError, match="sees one camera, and robot 'franka_velocity' has 2"):
        write_action_conditioned(tmp_path / "ac", several)
