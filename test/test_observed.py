"""What the forward model sees of the past: the newest frames, one model step apart."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from wm_ros.stages.observed import Observed

STEP_NS = 200_000_000


def numbers(observed, stamps_ns):
    """Which frames are seen after each, by their number."""
    return [
        observed(int(stamp), torch.full((1, 1), float(index)))[:, 0, 0].tolist()
        for index, stamp in enumerate(stamps_ns)
    ]


@pytest.mark.parametrize("rate_hz", [5, 10, 30])
def test_frames_are_one_step_apart_whatever_the_rate(rate_hz):
    each = rate_hz // 5
    seen = numbers(Observed(3, STEP_NS), np.arange(4 * each) * STEP_NS // each)
    assert seen[-1] == [4 * each - 1 - 2 * each, 4 * each - 1 - each, 4 * each - 1]
    assert seen[0] == [0]
    assert seen[each] == [0, each]


def test_one_frame_is_the_newest():
    assert numbers(Observed(1, STEP_NS), np.arange(4) * STEP_NS) == [[0], [1], [2], [3]]


def test_a_gap_ends_the_past():
    stamps = np.array([0, 1, 2, 4, 5]) * STEP_NS
    assert numbers(Observed(4, STEP_NS), stamps)[2:] == [[0, 1, 2], [3], [3, 4]]


def test_a_clock_that_goes_back_and_reset_forget():
    observed = Observed(4, STEP_NS)
    assert numbers(observed, [0, STEP_NS, 0]) == [[0], [0, 1], [2]]
    observed.reset()
    assert numbers(observed, [STEP_NS]) == [[0]]


def test_old_frames_are_let_go():
    observed = Observed(2, STEP_NS)
    numbers(observed, np.arange(1000) * STEP_NS // 2)
    assert len(observed._seen) <= 6
