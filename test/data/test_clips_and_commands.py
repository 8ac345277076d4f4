"""Clips at the model's rate of 5 Hz, and what was commanded between two frames."""

import numpy as np
import pytest
from bag_makers import PERIOD, SECOND
from hypothesis import given, settings
from hypothesis import strategies as st

from wm_ros.data.recording import Commands, Recording


def recorded(profile, stamps_ns, episodes=None):
    stamps_ns = np.asarray(stamps_ns, dtype=np.int64)
    return Recording(
        profile=profile,
        frames=np.zeros((len(stamps_ns), 1, 1, 3), np.uint8),
        stamps_ns=stamps_ns,
        episodes=episodes or (slice(0, len(stamps_ns)),),
        commands=None,
    )


def test_a_camera_twice_as_fast_gives_clips_in_both_phases(profile):
    recording = recorded(profile, np.arange(7) * PERIOD)
    assert recording.clips(3).tolist() == [[0, 2, 4], [1, 3, 5], [2, 4, 6]]
    assert recording.camera_rate_hz == pytest.approx(10.0)


def test_clips_stay_within_episodes_and_can_be_chosen_by_episode(profile):
    recording = recorded(profile, np.arange(8) * PERIOD, (slice(0, 4), slice(4, 8)))
    assert recording.clips(2).tolist() == [[0, 2], [1, 3], [4, 6], [5, 7]]
    assert recording.clips(2, episodes=[1]).tolist() == [[4, 6], [5, 7]]
    assert recording.clips(5).shape == (0, 5)


def test_a_lost_frame_breaks_only_the_clips_through_it(profile):
    stamps = np.delete(np.arange(8) * PERIOD, 4)
    assert recorded(profile, stamps).clips(2).tolist() == [[0, 2], [1, 3], [3, 4], [4, 6]]


@pytest.mark.parametrize("rate_hz", [5.0, 7.5, 15.0, 24.0, 30.0, 60.0])
def test_any_camera_rate_gives_steps_within_the_tolerance(profile, rate_hz):
    rng = np.random.default_rng(1)
    stamps = np.arange(200) * SECOND / rate_hz + rng.uniform(-0.005, 0.005, 200) * SECOND
    recording = recorded(profile, stamps)
    clips = recording.clips(4)
    steps = np.diff(recording.stamps_ns[clips], axis=1) * 1e-9
    assert np.abs(steps - 0.2).max(initial=0.0) <= 0.2 * 0.2 + 1e-9
    assert (len(clips) > 100) == (rate_hz != 7.5)  # 1.5 camera periods a step: no frame is near


@pytest.mark.parametrize("count", [1, 2])
def test_tiny_episodes_have_no_clips(profile, count):
    assert recorded(profile, np.arange(count) * PERIOD).clips(2).shape == (0, 2)


# Commands.


def naive_mean(stamps, vectors, timeout_s, start, end):
    """By sampling every 10 us."""
    total, times = 0.0, np.arange(start, end, 10_000)
    for time in times:
        index = np.searchsorted(stamps, time, side="right") - 1
        if index >= 0 and time - stamps[index] < timeout_s * 1e9:
            total = total + vectors[index]
    return total / len(times)


@settings(max_examples=25, deadline=None)
@given(
    steps=st.lists(st.integers(1, 40), min_size=1, max_size=8),
    rates=st.lists(st.floats(-2.0, 2.0), min_size=8, max_size=8),
    start=st.integers(-50, 100),
    length=st.integers(1, 100),
)
def test_the_mean_command_is_the_time_weighted_mean_of_what_was_held(steps, rates, start, length):
    millisecond = 1_000_000
    stamps = np.cumsum(steps) * millisecond + 10**18
    vectors = np.array(rates[: len(steps)])[:, None]
    start_ns = 10**18 + start * millisecond
    end_ns = start_ns + length * millisecond
    commands = Commands(stamps, vectors, timeout_s=0.03)
    wanted = naive_mean(stamps, vectors, 0.03, start_ns, end_ns)
    np.testing.assert_allclose(commands.mean(start_ns, end_ns), np.broadcast_to(wanted, 1), atol=1e-6)


def test_the_driver_s_timeout_ends_what_is_held():
    commands = Commands(np.array([0]), np.array([[1.0]]), timeout_s=0.25)
    assert commands.mean(0, SECOND) == pytest.approx(0.25)
    assert commands.mean(SECOND, 2 * SECOND) == 0.0


def test_a_mean_needs_time_to_pass():
    with pytest.raises(ValueError, match="end after their start"):
        Commands(np.array([0]), np.array([[1.0]]), 1.0).mean(5, 5)
