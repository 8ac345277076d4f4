"""The objectives of the families of encoders: each learns, and none makes all frames alike."""

import math

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("accelerate")

import torch

from wm_ros.models.encoders.tiny import TinyEncoder
from wm_ros.models.encoders.video import VideoEncoder
from wm_ros.training.engine import Engine
from wm_ros.training.families import FRAMES, train_family
from wm_ros.training.labelled_pairs import PAIRS, LabelledPairs
from wm_ros.training.objectives import kinds
from wm_ros.training.objectives.kinds import OBJECTIVES
from wm_ros.training.objectives.masks import hide, space_time_masks
from wm_ros.training.objectives.objective import CLIP
from wm_ros.training.optimise import Schedule, TrainingError
from wm_ros.training.progress import Progress
from wm_ros.training.standardised import raw_tokens, standardise

SIDE, STEPS, COUNT = 32, 40, 200


@pytest.fixture(scope="module")
def clips():
    """Two discs on a grey ground: frames uint8 [C, CLIP, 32, 32, 3], and how the first one moves [C, 2]."""
    draw = np.random.default_rng(0)
    places, speeds = draw.uniform(10, 22, (COUNT, 2, 2)), draw.uniform(-2.5, 2.5, (COUNT, 2, 2))
    rows, columns = np.mgrid[:SIDE, :SIDE]
    frames = np.full((COUNT, CLIP, SIDE, SIDE, 3), 90, np.uint8)
    for colour, place, speed in zip(
        ((255, 255, 255), (220, 40, 40)), places.swapaxes(0, 1), speeds.swapaxes(0, 1), strict=True
    ):
        for step in range(CLIP):
            at = (place + step * speed)[:, :, None, None]
            frames[:, step][(rows - at[:, 0]) ** 2 + (columns - at[:, 1]) ** 2 < 12] = colour
    return frames, speeds[:, 0]


def small(kind):
    torch.manual_seed(0)
    if kind == "tiny":
        return TinyEncoder(size=SIDE, dim=8, width=16)
    return VideoEncoder(size=SIDE, tokens=4, features=6, width=16)


def trained(kind, name, frames, steps=STEPS, engine=None, labelled=None, seed=0):
    """An encoder, and the figures of every step."""
    encoder, figures = small(kind), []

    def images(rows, shown):
        some = torch.from_numpy(frames[rows, :shown])
        return encoder.preprocess(some.flatten(0, 1)).unflatten(0, some.shape[:2])

    schedule = Schedule(steps, seed, lambda step, found: figures.append(found))
    train_family(encoder, name, images, len(frames), schedule, engine or Engine(), labelled)
    return encoder, figures


def tokens_of(encoder, frames):
    with torch.no_grad():
        return encoder(torch.from_numpy(frames.reshape(-1, *frames.shape[2:])))


@pytest.mark.parametrize("kind", ["video", "tiny"])
@pytest.mark.parametrize("name", list(OBJECTIVES))
def test_each_objective_learns_and_does_not_collapse(name, kind, clips):
    frames, _ = clips
    encoder, figures = trained(kind, name, frames)
    loss = next(iter(figures[0]))
    first, last = (np.mean([found[loss] for found in some]) for some in (figures[:4], figures[-4:]))
    assert last < 0.97 * first, (first, last)
    tokens = tokens_of(encoder, frames)
    # Every number is standardised over what the encoder was trained on, and they are not one number many times.
    assert tokens.std(dim=0).min() > 0.2
    values = torch.linalg.eigvalsh(torch.cov(tokens.flatten(1).T))
    assert values.sum() ** 2 / values.square().sum() > 2.0
    assert not any(weight.requires_grad for weight in encoder.parameters())


def test_commands_from_the_beginning_are_learned_with_the_objective(clips):
    frames, speeds = clips
    encoder = small("video")
    pairs = torch.from_numpy(frames[:, [0, -1]])
    labelled = LabelledPairs(
        lambda rows: encoder.preprocess(pairs[rows].flatten(0, 1)).unflatten(0, (-1, 2)), speeds
    )
    _, figures = trained("video", "autoencoder", frames, 120, labelled=labelled)
    first, last = (np.mean([found["inverse"] for found in some]) for some in (figures[:10], figures[-10:]))
    assert last < 0.9 * first
    assert {"redrawn", "inverse", "waiting"} <= set(figures[0])


@pytest.mark.parametrize("name", list(OBJECTIVES))
@pytest.mark.parametrize("supervised", [False, True])
def test_as_many_pictures_go_through_the_encoder_whatever_is_learned(name, supervised, clips, monkeypatch):
    frames, speeds = clips
    seen = []
    keypoints = VideoEncoder.keypoints
    monkeypatch.setattr(
        VideoEncoder,
        "keypoints",
        lambda self, images: seen.append((torch.is_grad_enabled(), len(images))) or keypoints(self, images),
    )
    pairs = torch.zeros(COUNT, 2, 3, SIDE, SIDE)
    labelled = LabelledPairs(lambda rows: pairs[rows], speeds) if supervised else None
    trained("video", name, frames, 1, labelled=labelled)
    # The slow teacher's are without gradients, and so is the look back at the end.
    assert sum(count for with_gradients, count in seen if with_gradients) == FRAMES
    assert (2 * PAIRS in [count for _, count in seen]) is supervised


def test_an_ended_training_goes_on_to_the_same_weights(clips, tmp_path):
    frames, _ = clips
    whole, _ = trained("video", "video-predictive", frames, 6)

    def engine():
        found = Engine()
        found.keep(Progress(tmp_path / ".progress", {}, resume=True), 0.0)
        return found

    class Ended(Exception):
        pass

    batches = iter(range(3))

    def images_that_end(rows, shown):
        if next(batches, None) is None:
            raise Ended
        some = torch.from_numpy(frames[rows, :shown])
        return encoder.preprocess(some.flatten(0, 1)).unflatten(0, some.shape[:2])

    encoder = small("video")
    schedule = Schedule(6, 0, lambda step, found: None)
    with pytest.raises(Ended):
        train_family(encoder, "video-predictive", images_that_end, COUNT, schedule, engine())
    resumed, figures = trained("video", "video-predictive", frames, 6, engine())
    assert len(figures) == 4  # what was done, and three steps more
    for name, weight in whole.state_dict().items():
        assert torch.equal(weight, resumed.state_dict()[name]), name


def test_a_loss_that_is_not_finite_is_told(clips, monkeypatch):
    class Diverging(kinds.Redrawing):
        def forward(self, encoder, clips, generator):
            loss, figures = super().forward(encoder, clips, generator)
            return loss * math.inf, figures

    monkeypatch.setitem(kinds.OBJECTIVES, "autoencoder", Diverging)
    with pytest.raises(TrainingError, match="autoencoder: loss is inf at step 1"):
        trained("video", "autoencoder", clips[0])


def test_masks_hide_a_square_of_all_frames_and_one_frame_whole():
    clips = torch.ones(16, CLIP, 3, SIDE, SIDE)
    pixels, frames = space_time_masks(clips, torch.Generator().manual_seed(0))
    assert frames.sum(dim=1).tolist() == [1] * 16
    assert len(frames.int().argmax(dim=1).unique()) > 1
    hidden = hide(clips, pixels) == 0
    counts = hidden[:, :, 0].sum(dim=(2, 3))
    assert (counts[frames] == SIDE**2).all()
    assert (counts[~frames] == (SIDE // 2) ** 2).all()
    others = pixels[0][~frames[0]]
    assert (others == others[0]).all()


@pytest.mark.parametrize("kind", ["video", "tiny"])
def test_tokens_are_standardised_over_what_is_given(kind, clips):
    encoder = small(kind)
    images = encoder.preprocess(torch.from_numpy(clips[0][:, 0]))
    with torch.no_grad():
        standardise(encoder, raw_tokens(encoder, images))
        tokens = encoder(torch.from_numpy(clips[0][:, 0]))
    assert tokens.mean(dim=0).abs().max() < 1e-3
    assert tokens.std(dim=0).max() < 1.1
