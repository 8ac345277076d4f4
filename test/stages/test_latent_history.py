"""What the forward model sees of the past: the newest frames, one model step apart."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from wm_ros.stages.latent_history import LatentHistory

STEP_NS = 200_000_000


def numbers(history, stamps_ns):
    """Which frames are seen after each, by their number."""
    return [
        history(int(stamp), torch.full((1, 1), float(index)))[:, 0, 0].tolist()
        for index, stamp in enumerate(stamps_ns)
    ]


@pytest.mark.parametrize("rate_hz", [5, 10, 30])
def test_frames_are_one_step_apart_whatever_the_rate(rate_hz):
    each = rate_hz // 5
    seen = numbers(LatentHistory(3, STEP_NS), np.arange(4 * each) * STEP_NS // each)
    assert seen[-1] == [4 * each - 1 - 2 * each, 4 * each - 1 - each, 4 * each - 1]
    assert seen[0] == [0]
    assert seen[each] == [0, each]


def test_one_frame_is_the_newest():
    assert numbers(LatentHistory(1, STEP_NS), np.arange(4) * STEP_NS) == [[0], [1], [2], [3]]


def test_a_gap_ends_the_past():
    stamps = np.array([0, 1, 2, 4, 5]) * STEP_NS
    assert numbers(LatentHistory(4, STEP_NS), stamps)[2:] == [[0, 1, 2], [3], [3, 4]]


def test_a_clock_that_goes_back_and_reset_forget():
    history = LatentHistory(4, STEP_NS)
    assert numbers(history, [0, STEP_NS, 0]) == [[0], [0, 1], [2]]
    history.reset()
    assert numbers(history, [STEP_NS]) == [[0]]


def test_old_frames_are_let_go():
    history = LatentHistory(2, STEP_NS)
    numbers(history, np.arange(1000) * STEP_NS // 2)
    assert len(history._latents) <= 6
