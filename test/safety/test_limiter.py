"""Limits hold on the sequence the limiter puts out, for any targets, any times, any limits."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wm_ros.robots.profile import load_profile
from wm_ros.safety.limiter import Limiter

ARM = load_profile("arm")
PERIOD = 1.0 / ARM.command.rate_hz
SLACK = 1e-9  # rounding, relative to each limit


def robot(low=(-1.5, -1.5), high=(1.5, 1.5), acceleration=(10.0, 10.0), jerk=(400.0, 400.0)):
    limits = zip(ARM.action, low, high, acceleration, jerk, strict=True)
    action = [replace(part, min=lo, max=hi, max_acceleration=a, max_jerk=j) for part, lo, hi, a, j in limits]
    return replace(ARM, action=tuple(action))


def pairs(numbers):
    return st.tuples(numbers, numbers)


profiles = st.builds(
    robot,
    low=pairs(st.floats(-3.0, 0.0)),
    high=pairs(st.floats(0.05, 3.0)),
    acceleration=pairs(st.floats(0.1, 50.0)),
    jerk=pairs(st.floats(0.1, 5000.0)),
)
# Late and early ticks: from two at once to three periods.
times = st.sampled_from([0.0, 1e-6, 0.2 * PERIOD, 0.9 * PERIOD, PERIOD, 1.1 * PERIOD, 3.0 * PERIOD])
steps = st.tuples(st.sampled_from(["track", "track", "track", "brake"]), pairs(st.floats(-9.0, 9.0)), times)


def run(limiter, sequence):
    """Velocities before and after each step, with the step's name and its time."""
    for name, target, dt in sequence:
        before = np.array(limiter.velocity)
        after = limiter.track(target, dt) if name == "track" else limiter.brake(dt)
        yield name, before, np.array(after), dt


@given(profile=profiles, sequence=st.lists(steps, max_size=60))
@settings(max_examples=300, deadline=None)
def test_velocity_and_acceleration_hold_by_the_nominal_and_by_the_actual_period(profile, sequence):
    for _, before, after, dt in run(Limiter(profile, PERIOD), sequence):
        assert (profile.low <= after).all()
        assert (after <= profile.high).all()
        change = abs(after - before)
        assert (change <= profile.max_acceleration * PERIOD * (1 + SLACK) + 1e-15).all()
        assert (change <= profile.max_acceleration * dt * (1 + SLACK) + 1e-15).all()


@given(
    profile=profiles,
    targets=st.lists(st.tuples(pairs(st.floats(-9.0, 9.0)), st.integers(1, 25)), max_size=8),
    jitter=st.lists(times.filter(lambda dt: dt > 0), min_size=1, max_size=5),
)
@settings(max_examples=300, deadline=None)
def test_jerk_holds_while_tracking(profile, targets, jitter):
    limiter, previous, count = Limiter(profile, PERIOD), np.zeros(2), 0
    for target, repeats in targets:
        for _ in range(repeats):
            dt = min(jitter[count % len(jitter)], PERIOD)
            count += 1
            before = np.array(limiter.velocity)
            acceleration = (np.array(limiter.track(target, dt)) - before) / dt
            # A velocity is rounded to about 1e-16, so its change over a short time is known to 1e-16 / dt.
            slack = profile.max_jerk * dt * 1e-6 + 2e-15 / dt
            assert (abs(acceleration - previous) <= profile.max_jerk * dt + slack).all()
            previous = acceleration


@given(profile=profiles, sequence=st.lists(steps, max_size=40), dt=times.filter(lambda dt: dt > 1e-3))
@settings(max_examples=200, deadline=None)
def test_a_stop_is_monotone_to_exact_zero_within_max_acceleration(profile, sequence, dt):
    limiter = Limiter(profile, PERIOD)
    list(run(limiter, sequence))
    start = np.array(limiter.velocity)
    longest = (abs(start) / profile.max_acceleration).max()
    for _ in range(int(longest / min(dt, PERIOD)) + 2):
        before = np.array(limiter.velocity)
        after = np.array(limiter.brake(dt))
        assert (abs(after) <= abs(before)).all()
        assert (after * start >= 0.0).all()
        assert (abs(after - before) <= profile.max_acceleration * min(dt, PERIOD) * (1 + SLACK)).all()
    assert limiter.at_rest
    assert not any(limiter.velocity)
    assert not any(limiter.brake(dt))


@given(speed=pairs(st.floats(0.1, 1.5)))
def test_a_stop_keeps_the_direction(speed):
    limiter = Limiter(ARM, PERIOD)
    for _ in range(200):
        limiter.track(speed, PERIOD)
    direction = np.array(limiter.velocity) / np.linalg.norm(limiter.velocity)
    while not limiter.at_rest:
        velocity = limiter.brake(PERIOD)
        np.testing.assert_allclose(velocity, direction * np.linalg.norm(velocity), atol=1e-12)


@given(profile=profiles, target=pairs(st.floats(-9.0, 9.0)), dt=st.floats(0.2, 1.0))
@settings(max_examples=200, deadline=None)
def test_from_rest_a_target_is_approached_without_overshoot(profile, target, dt):
    limiter = Limiter(profile, PERIOD)
    wanted = np.clip(target, profile.low, profile.high)
    for _ in range(300):
        before = np.array(limiter.velocity)
        after = np.array(limiter.track(target, dt * PERIOD))
        assert ((after - before) * np.sign(wanted) >= -1e-12).all()
        assert (abs(after) <= abs(wanted) + 1e-12).all()


def test_a_target_is_reached_in_about_the_time_the_limits_take():
    limiter = Limiter(ARM, PERIOD)
    # Ramp of the jerk 10/400 s, then 1.5/10 s of acceleration, then the ramp down.
    for _ in range(round((10 / 400 + 1.5 / 10) / PERIOD) + 3):
        limiter.track([1.5, -0.75], PERIOD)
    np.testing.assert_allclose(limiter.velocity, [1.5, -0.75], rtol=1e-3)


def test_braking_to_a_zero_target_never_reverses():
    limiter = Limiter(robot(jerk=(40.0, 40.0)), PERIOD)
    for _ in range(100):
        limiter.track([1.5, -1.5], PERIOD)
    for _ in range(200):
        velocity = limiter.track([0.0, 0.0], PERIOD)
        assert velocity[0] >= 0.0 >= velocity[1]
    np.testing.assert_allclose(velocity, 0.0, atol=1e-6)


@given(profile=profiles, stopped_steps=st.integers(0, 40), target=pairs(st.floats(0.0, 9.0)))
@settings(max_examples=200, deadline=None)
def test_going_on_after_a_broken_off_stop_does_not_reverse(profile, stopped_steps, target):
    limiter = Limiter(profile, PERIOD)
    for _ in range(100):
        limiter.track([9.0, 9.0], PERIOD)
    for _ in range(stopped_steps):
        limiter.brake(PERIOD)
    for _ in range(100):
        assert min(limiter.track(target, PERIOD)) >= -1e-12


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_never_get_in(bad):
    limiter = Limiter(ARM, PERIOD)
    before = limiter.track((1.0, 1.0), PERIOD)
    with pytest.raises(ValueError, match="is not finite"):
        limiter.track([0.5, bad], PERIOD)
    assert limiter.velocity == before
