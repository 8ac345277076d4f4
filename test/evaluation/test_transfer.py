"""Latent actions applied in other clips, of models that are known: what is measured is what they do."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")

import torch
from evaluation_harness import config
from transfer_harness import IGNORANT, MOTION, PLACE, Model, walks, with_clips

from wm_ros.evaluation.transfer.apart import apart
from wm_ros.evaluation.transfer.checks import checks
from wm_ros.evaluation.transfer.clips import clips_of, partners
from wm_ros.evaluation.transfer.imagined import carry, plain
from wm_ros.evaluation.transfer.moved import moved
from wm_ros.evaluation.transfer.picture_distance import pixel_distance, structural_distance
from wm_ros.evaluation.transfer.read_back import read_back, sign_agreement
from wm_ros.robots.profile import load_profile

DRAWS = 3


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return clips_of(walks(tmp_path_factory.mktemp("walks") / "bag"), "walks", fitted_on=True)


def measured(model, first, second=None):
    """What is imagined of two videos, and the ratios of latents."""
    second = first if second is None else second
    latents, alone = plain(model, first)
    carried = [carry(model, first, second, latents, np.random.default_rng(seed)) for seed in range(DRAWS)]
    ratios = checks(None, first, second, alone, carried)
    left = apart(model, None, first, carried, commanded=True)
    of_latents = {name: found["latent"]["mean"] for name, found in (ratios | left).items()}
    return SimpleNamespace(alone=alone, carried=carried, ratios=ratios, **{"figures": of_latents})


def test_motion_is_carried_there_and_back_as_it_was(video):
    found = measured(MOTION, video).figures
    assert found["cycle"] == found["cycle, first step"] == 1.0
    assert found["another clip's"] > 100.0
    assert found["no motion"] > 100.0
    assert found["leakage"] > 100.0
    assert found["carried, after the clip"] == pytest.approx(1.0, abs=0.01)
    assert found["commanded, after the clip"] == pytest.approx(1.0, abs=0.01)


def test_a_model_that_ignores_latent_actions_is_as_good_with_another_clip_s(video):
    found = measured(IGNORANT, video).figures
    assert found["cycle"] == found["another clip's"] == found["no motion"] == 1.0


def test_a_latent_action_that_names_the_place_has_a_perfect_cycle_and_is_found_out(video):
    """Neither cycle nor controls tell it from motion; that the other clip becomes this one does, and so does a cut."""
    found = measured(PLACE, video).figures
    assert found["cycle"] == 1.0
    assert found["another clip's"] > 100.0
    assert found["carried, after the clip"] < 0.01
    assert found["leakage"] == pytest.approx(1.0, abs=0.2)


def test_a_detour_that_loses_something_costs_it(video):
    """Half of each step is lost on every inference: a quarter of the motion is left after two."""
    halved = Model(lambda before, after: 0.5 * (after - before), lambda state, z: state + z)
    found = measured(halved, video).figures
    assert found["cycle"] == pytest.approx(0.75**2 / 0.5**2, rel=0.01)


def test_intervals_are_over_episodes_and_each_draw_is_named(video):
    halved = Model(lambda before, after: 0.5 * (after - before), lambda state, z: state + z)
    found = measured(halved, video).ratios["another clip's"]["latent"]
    assert found["episodes"] == 12
    low, high = found["interval"]
    assert low < found["mean"] < high
    assert len(set(found["by_seed"])) == DRAWS


def test_commands_are_read_from_what_is_carried_and_not_from_the_controls(video, tmp_path):
    found = measured(MOTION, video)
    read = read_back(MOTION, config(tmp_path), video, video, found.alone, found.carried)
    for reader in ("own", "probe"):
        carried, other = read[reader]["carried"], read[reader]["another clip's"]
        assert carried["total"]["r2"]["mean"] > 0.9, reader
        assert carried["shoulder"]["sign"]["mean"] > 0.95, reader
        assert other["total"]["r2"]["mean"] < 0.0, reader
        assert other["shoulder"]["sign"]["mean"] < 0.6, reader
        assert read[reader]["no motion"]["total"]["r2"]["mean"] < 0.1, reader
    assert read["probe_clips"] < read["clips"] == len(video)


def test_nothing_is_read_where_latent_actions_are_ignored(video, tmp_path):
    found = measured(IGNORANT, video)
    read = read_back(IGNORANT, config(tmp_path), video, video, found.alone, found.carried)
    for reader in ("own", "probe"):
        carried = read[reader]["carried"]["total"]["r2"]["mean"]
        assert abs(carried) < 0.1, reader
        assert carried == read[reader]["another clip's"]["total"]["r2"]["mean"], reader


def test_a_sign_counts_where_something_was_commanded():
    true = np.array([1.0, -1.0, 0.05, -0.05, 0.5])
    read = [np.array([2.0, 1.0, -9.0, 9.0, 0.1]), np.array([2.0, -1.0, -9.0, 9.0, 0.1])]
    assert sign_agreement(true, read, 1.0, np.arange(5))["mean"] == pytest.approx((2 / 3 + 1) / 2, abs=1e-3)
    assert sign_agreement(np.zeros(5), read, 1.0, np.arange(5)) is None


# What ought to move.


def arm_walks(folder, robot, others=0):
    """Joint angles that follow commands exactly, beside other numbers of the state that drift by themselves."""
    rng = np.random.default_rng(1)
    period = load_profile(robot).model_dt
    rates = rng.uniform(-0.7, 0.7, (16, 1, 2)) * np.ones((16, 14, 1))
    angles = rng.uniform([-0.9, 1.6], [-0.5, 2.0], (16, 1, 2)) + period * (np.cumsum(rates, axis=1) - rates)
    parts = [angles]
    if others:
        drift = rng.uniform(0.005, 0.01, (16, 1, others)) * np.arange(14)[None, :, None]
        parts.append(np.array([0.25, 0.1]) + drift)
    states = np.concatenate(parts, axis=2).reshape(16 * 14, -1)
    return with_clips(folder, states, rates.reshape(-1, 2), 16, states)


def difference(robot):
    """A model whose states are measured ones and whose latent actions are their differences."""
    profile = load_profile(robot)
    model = Model(lambda before, after: after - before, lambda state, z: state + z, profile)
    unscaled = model.rollout
    model.rollout = lambda state, actions: unscaled(state, profile.model_dt * actions)
    return model, profile


def test_what_moves_is_what_the_simulator_moves(tmp_path):
    pytest.importorskip("mujoco")
    model, _ = difference("arm")
    video = clips_of(arm_walks(tmp_path / "bag", "arm"), "bag", fitted_on=True)
    found = measured(model, video)
    asked = config(tmp_path, effort=0.3)
    fingertip = moved(model, asked, video, video, found.carried)["parts"]["fingertip"]["r2"]
    assert fingertip["recorded"]["mean"] > 0.7
    assert fingertip["carried"]["mean"] > 0.7
    assert fingertip["commanded"]["mean"] > 0.7
    assert fingertip["another clip's"]["mean"] < 0.3
    assert fingertip["no motion"]["mean"] <= 0.0


def test_a_puck_that_moves_with_the_latent_action_is_named(tmp_path):
    """In the clips it drifts by itself; where nothing touches it, it ought to stay."""
    pytest.importorskip("mujoco")
    model, profile = difference("pusher")
    video = clips_of(arm_walks(tmp_path / "bag", "pusher", others=2), "bag", fitted_on=True)
    found = measured(model, video)
    asked = replace(config(tmp_path, effort=0.3), profile=profile)
    puck = moved(model, asked, video, video, found.carried)["parts"]["puck"]
    assert puck["astray"]["ought"] == pytest.approx(0.0, abs=1e-3)
    assert puck["astray"]["imagined"] > 0.5 * puck["astray"]["in_a"] > 0.0
    assert puck["astray"]["commanded"] < 0.5 * puck["astray"]["imagined"]


def test_without_states_or_simulator_nobody_knows_what_ought_to_move(video, tmp_path):
    found = measured(MOTION, video)
    said = moved(MOTION, config(tmp_path), video, video, found.carried)["left_out"]
    assert "measured states in two held-out episodes" in said
    assert "no states were measured" in said


# Which clips belong together.


def test_partners_are_of_other_episodes_as_much_held_out_and_the_same_for_equal_generators(video):
    one, again, other = (partners(video, video, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert (one == again).all()
    assert (one != other).any()
    assert (video.clips.groups[one] != video.clips.groups).all()
    assert (video.held[one] == video.held).all()


def test_another_recording_has_partners_in_all_that_is_held_out(video, tmp_path):
    lone = clips_of(walks(tmp_path / "lone", seed=5, episodes=3), "lone", fitted_on=False)
    assert lone.held.all()
    assert video.held[partners(lone, video, np.random.default_rng(0))].all()
    found = measured(MOTION, lone, video).figures
    assert found["cycle"] == 1.0


# Pictures.


@pytest.mark.parametrize("size", [16, 32, 64, 128])
def test_distances_are_nothing_for_equal_pictures_and_grow_with_what_differs(size):
    generator = torch.Generator().manual_seed(0)
    pictures = torch.rand(4, 3, size, size, generator=generator)
    noise = torch.randn(pictures.shape, generator=generator)
    for distance in (structural_distance, pixel_distance):
        assert distance(pictures, pictures).abs().max() < 1e-5
        little, much = (distance(pictures, (pictures + std * noise).clamp(0, 1)) for std in (0.05, 0.5))
        assert (little > 0.0).all()
        assert (much > 2.0 * little).all()
        torch.testing.assert_close(distance(pictures, 1.0 - pictures), distance(1.0 - pictures, pictures))
    assert structural_distance(pictures, 1.0 - pictures).min() > 0.9


def test_structural_distance_forgives_brightness_more_than_lost_structure():
    picture = torch.zeros(1, 3, 64, 64)
    picture[..., 20:40, 20:40] = 0.6
    brighter, blank = picture + 0.1, torch.full_like(picture, picture.mean())
    assert structural_distance(picture, brighter) < 0.3 * structural_distance(picture, blank)
