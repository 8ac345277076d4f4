"""What a training is made of: its steps and rates, the episodes held out, clips, states, and its identity."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from checkpoint_harness import small_model
from training_harness import ARM, BRIEF, corrupted

from wm_ros.data.recording import Commands, Recording
from wm_ros.training.clips import make_clips, split_episodes
from wm_ros.training.images import Images
from wm_ros.training.optimise import TrainingError, rate_share
from wm_ros.training.run_identity import differences, identity
from wm_ros.training.states import encode_all, mapped
from wm_ros.training.train import TrainOptions


def test_the_learning_rate_warms_up_and_falls_to_almost_nothing():
    shares = [rate_share(step, 100) for step in range(100)]
    assert shares[:10] == pytest.approx(np.arange(1, 11) / 10)
    assert shares[9:] == sorted(shares[9:], reverse=True)
    assert shares[55] == pytest.approx(0.51, abs=0.01)
    assert shares[-1] == pytest.approx(0.02, abs=0.001)
    assert rate_share(0, 1) == 1.0


def test_effort_scales_all_steps_and_keeps_at_least_one():
    full, least = TrainOptions(), TrainOptions().scaled(1e-9)
    assert full.scaled(1.0) == full
    assert full.scaled(0.1).encoder_steps == round(0.1 * full.encoder_steps)
    steps = [getattr(least, name) for name in vars(least) if name.endswith("_steps")]
    assert steps == [1, 1, 1, 1, 1, 1, least.clip_steps]
    assert least.clip_steps == full.clip_steps


def test_models_of_two_seeds_can_be_held_out_alike():
    episodes = Recording(
        ARM, np.zeros((40, 0, 0, 3), np.uint8), 200_000_000 * np.arange(40), (), Commands([0], [[0, 0]], 1.0)
    )
    episodes = replace(episodes, episodes=tuple(slice(start, start + 8) for start in range(0, 40, 8)))
    splits = [TrainOptions(seed=seed, split_seed=7).split(episodes) for seed in (1, 2)]
    alone = TrainOptions(seed=7).split(episodes)
    for other in splits:
        for part in ("train", "labelled", "validation", "test"):
            assert getattr(other, part).tolist() == getattr(alone, part).tolist()


@pytest.mark.parametrize("count", [2, 3, 10, 500])
def test_episodes_are_split_without_overlap_by_seed(count):
    fitted, held_out = split_episodes(count, seed=0)
    assert sorted([*fitted, *held_out]) == list(range(count))
    assert len(held_out) == max(1, round(0.1 * count))
    np.testing.assert_array_equal(split_episodes(count, seed=0)[1], held_out)
    if count > 3:
        assert not np.array_equal(split_episodes(count, seed=1)[1], held_out)


def test_clips_hold_the_states_and_commands_of_their_frames(recording):
    states = torch.arange(len(recording.frames), dtype=torch.float32)[:, None, None]
    chosen = np.array([1, 4])
    clips = make_clips(recording, states, chosen, steps=3)
    seen, actions = clips.take(np.arange(len(clips)))
    assert seen.shape[1:] == (4, 1, 1)
    assert actions.shape == (len(seen), 3, 2)
    # The camera runs at twice the model's rate.
    assert (seen[:, 1:] - seen[:, :-1] == 2).all()
    inside = {frame for index in chosen for frame in range(*recording.episodes[index].indices(10**6))}
    assert set(seen.flatten().int().tolist()) <= inside
    stamps = recording.stamps_ns[clips.rows(np.arange(len(clips)))]
    expected = recording.commands.mean(stamps[:, 1], stamps[:, 2])
    np.testing.assert_allclose(actions[:, 1].numpy(), expected, rtol=1e-5, atol=1e-6)
    drawn, _ = clips.share(np.random.default_rng(0), 5)
    assert drawn.shape == (5, 4, 1, 1)


def test_all_frames_are_encoded_once_each_in_order(recording):
    encoder = small_model(ARM, weight=0.3).encoder
    states = mapped((len(recording.frames), 1, 8))
    encode_all(encoder, recording, states, batch=50)
    for index in (0, 49, 50, len(states) - 1):
        alone = encoder(torch.tensor(recording.frames[index])[None])[0]
        torch.testing.assert_close(states[index], alone, rtol=1e-4, atol=1e-4)


def test_frames_of_another_size_are_shrunk_once(recording):
    encoder = small_model(ARM, weight=0.3).encoder
    assert encoder.size != recording.frames.shape[1]
    frames = recording.frames.copy()
    images_of = Images(encoder, replace(recording, frames=frames))
    rows = np.array([7, 0, 7, len(frames) - 1])
    expected = encoder.preprocess(torch.from_numpy(recording.frames[rows]))
    frames[:] = 0  # nobody looks at them again
    torch.testing.assert_close(images_of(rows), expected)


def test_a_disk_too_small_for_the_states_is_told(tmp_path):
    free = shutil.disk_usage(tmp_path).free
    with pytest.raises(TrainingError, match=f"GB more in {tmp_path}, and there is no room.*--cache-dir"):
        mapped((free // 4 + 1_000_000, 1, 1), tmp_path)
    assert not list(tmp_path.iterdir())


def test_another_recording_is_another_training(recording):
    model = small_model(ARM)

    def different(other, encoder=None):
        before, after = (identity(r, model.card, BRIEF, e) for r, e in ((recording, None), (other, encoder)))
        return {text.partition(" ")[0] for text in differences(before, after)}

    assert different(replace(recording, notes=("read again",))) == set()
    assert different(corrupted(recording, [2])) == {"data.pictures", "data.commands"}
    assert different(replace(recording, commands=None)) == {"data.commands"}
    assert different(replace(recording, unlabelled=(1,))) == {"data.unlabelled_episodes"}
    assert different(replace(recording, episodes=recording.episodes[1:])) == {"data.episodes"}
    assert different(recording, model.encoder) == {"encoder_from"}
