"""A frozen camera is known by its pixels, whatever its stamps say."""

from array import array

import numpy as np
import pytest

from wm_ros.safety.repeated_frames import HISTORY, RepeatedFrames


def frame(seed, size=300):
    return array("B", np.random.default_rng(seed).bytes(size))


def test_a_camera_with_noise_is_never_refused():
    frames = RepeatedFrames(0.0)
    assert [frames.age_s(frame(seed), seed * 0.05) for seed in range(100)] == [None] * 100


def test_the_same_pixels_are_refused_from_the_second_time_on_and_their_age_is_told():
    frames = RepeatedFrames(0.0)
    assert frames.age_s(frame(1), 10.0) is None
    assert [frames.age_s(frame(1), 10.0 + late) for late in (0.0, 0.05, 2.0)] == pytest.approx(
        [0.0, 0.05, 2.0]
    )
    assert frames.age_s(frame(2), 12.1) is None


def test_one_byte_makes_it_another_picture():
    frames = RepeatedFrames(0.0)
    other = frame(1)
    other[-1] ^= 1
    assert frames.age_s(frame(1), 0.0) is None
    assert frames.age_s(other, 0.1) is None
    assert frames.age_s(frame(1, 299), 0.2) is None


def test_buffers_handed_out_in_turn_are_a_frozen_camera_too():
    frames = RepeatedFrames(0.0)
    for number in range(HISTORY):
        assert frames.age_s(frame(number), number) is None
    assert [frames.age_s(frame(number), 10.0) for number in range(HISTORY)] == [
        10.0 - n for n in range(HISTORY)
    ]


def test_a_tolerance_lets_a_picture_stand_for_that_long():
    frames = RepeatedFrames(0.5)
    assert [frames.age_s(frame(1), now) for now in (0.0, 0.3, 0.5)] == [None] * 3
    assert frames.age_s(frame(1), 0.6) == pytest.approx(0.6)


def test_time_that_begins_anew_may_show_all_again():
    frames = RepeatedFrames(0.0)
    frames.age_s(frame(1), 0.0)
    frames.reset()
    assert frames.age_s(frame(1), 1.0) is None
