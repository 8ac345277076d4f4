"""The figures of a closed loop, on tracks whose answers are known."""

import numpy as np
import pytest

from wm_ros.data.exploration import SEGMENT_S
from wm_ros.robots.profile import load_profile
from wm_ros.safety.command_checks import commands_out_of_limits, seconds_to_zero
from wm_ros.tasks.success import Criterion, score, settled, summarise
from wm_ros.training.r2 import r2

CRITERION = Criterion()
RATE_HZ = 50


def track(*parts):
    """Times and distances of (seconds, metres) parts, each at one distance."""
    distances = np.concatenate([np.full(round(seconds * RATE_HZ), metres) for seconds, metres in parts])
    return np.arange(len(distances)) / RATE_HZ, distances


@pytest.mark.parametrize(
    ("parts", "success", "seconds"),
    [
        (((2, 0.3), (3, 0.02)), True, 2.0),
        (((2, 0.3), (1, 0.02), (1, 0.1), (2, 0.03)), True, 4.0),  # counted from when it came to stay
        (((5, 0.3),), False, None),
        (((2, 0.3), (3, 0.02), (0.1, 0.05)), False, None),  # gone at the end
        (((4, 0.3), (0.3, 0.01)), False, None),  # arrived too late to have held
        (((4, 0.01),), True, 0.0),
    ],
)
def test_success_is_being_there_at_the_end_and_having_held(parts, success, seconds):
    result = score(*track(*parts), CRITERION)
    assert result.success is success
    assert result.seconds == (pytest.approx(seconds) if success else None)
    assert result.start_distance_m == parts[0][1]
    assert result.final_distance_m == parts[-1][1]


def test_where_a_heading_counts_it_must_fit_as_well():
    criterion = Criterion(radius_m=0.25, heading_rad=0.26)
    times, distances = track((2, 0.9), (4, 0.1))
    turned = np.where(times < 4.0, 0.5, 0.1)
    result = score(times, distances, criterion, turned)
    assert result.success
    assert result.seconds == pytest.approx(4.0)
    assert result.final_heading_deg == pytest.approx(np.degrees(0.1))
    assert not score(times, distances, criterion, np.full(len(times), 0.5)).success
    assert not settled(times, distances, criterion, turned)
    assert settled(times, distances, criterion)
    assert summarise([result])["median_final_heading_deg"] == 5.7
    assert "final_heading_deg" not in summarise([score(times, distances, criterion)])["goals"][0]


def test_a_trial_without_joint_states_is_told_so():
    with pytest.raises(ValueError, match="joint_states"):
        score(np.zeros(0), np.zeros(0), CRITERION)


def test_passing_by_is_not_settling():
    assert not settled(*track((2, 0.3), (2.9, 0.02)), CRITERION)
    assert settled(*track((2, 0.3), (3.1, 0.02)), CRITERION)
    assert not settled(*track((2, 0.3), (2.5, 0.02), (0.1, 0.05), (1.0, 0.02)), CRITERION)
    assert not settled(*track((0.5, 0.02)), CRITERION)


def test_settling_takes_longer_than_a_pause_of_random_actions():
    assert CRITERION.settle_s > max(CRITERION.hold_s, SEGMENT_S[1])


def ramp(profile, peak):
    """Up and down again as fast as max_acceleration allows."""
    step = profile.max_acceleration[0] / profile.command.rate_hz
    up = np.arange(step, peak + 1e-12, step)
    return np.stack([np.concatenate([up, up[::-1], [0.0]])] * 2, axis=1)


def test_commands_on_the_limits_are_within_them():
    profile = load_profile("arm")
    assert commands_out_of_limits(ramp(profile, 1.4), profile) == 0


@pytest.mark.parametrize(
    ("index", "value", "count"),
    [
        (3, 1.6, 2),  # beyond the velocity, and the step back is too steep
        (0, 0.5, 1),  # from rest at once
        (3, float("nan"), 1),
    ],
)
def test_commands_out_of_limits_are_counted(index, value, count):
    profile = load_profile("arm")
    commands = ramp(profile, 1.4)
    commands[index, 0] = value
    assert commands_out_of_limits(commands, profile) == count


def test_no_commands_are_within_limits():
    assert commands_out_of_limits(np.zeros((0, 2)), load_profile("arm")) == 0


def test_the_stop_ends_with_the_first_zero_that_stays():
    times = np.arange(6) * 20_000_000
    commands = np.array([1.0, 0.5, 0.0, 0.2, 0.0, 0.0])[:, None]
    assert seconds_to_zero(10_000_000, times, commands) == pytest.approx(0.07)
    assert seconds_to_zero(90_000_000, times, commands) == pytest.approx(0.01)
    assert seconds_to_zero(0, times[:4], commands[:4]) is None
    assert seconds_to_zero(10**12, times, commands) is None


def test_r2_is_the_mean_over_the_components():
    true = np.array([[0.0, 1.0], [2.0, 5.0], [4.0, 3.0]])
    # Residuals 3 of 8 in one component, none in the other.
    assert r2(true, true + np.array([[1.0, 0], [1.0, 0], [1.0, 0]])) == pytest.approx(1 - 3 / 16)


def test_r2_is_one_for_the_truth_and_zero_for_its_mean():
    true = np.random.default_rng(0).normal(size=(50, 2))
    assert r2(true, true) == 1.0
    assert r2(true, np.broadcast_to(true.mean(axis=0), true.shape)) == pytest.approx(0.0)
    assert r2(np.ones((5, 2)), np.zeros((5, 2))) is None
    assert r2(true * [1, 0], true) is None
    assert r2(np.zeros((0, 2)), np.zeros((0, 2))) is None


def test_the_summary_holds_every_goal():
    scores = [score(*track((2, 0.3), (3, distance)), CRITERION) for distance in (0.01, 0.02, 0.5)]
    summary = summarise(scores)
    assert summary["success_rate"] == pytest.approx(2 / 3)
    assert summary["median_final_distance_m"] == 0.02
    assert [goal["success"] for goal in summary["goals"]] == [True, True, False]
    assert set(summary["goals"][0]) >= {"start_distance_m", "final_distance_m", "seconds"}
