"""Rates follow what happens, and fall to zero when nothing does."""

import pytest

from wm_ros.ros.rate import Rate


def test_rate_of_the_last_events_and_zero_after_silence():
    now = [0.0]
    rate = Rate(lambda: now[0])
    assert rate.hz() == 0.0
    for _ in range(100):
        now[0] += 0.05
        rate.add()
    assert rate.hz() == pytest.approx(20.0)
    for _ in range(20):
        now[0] += 0.1
        rate.add()
    assert rate.hz() == pytest.approx(10.0)
    now[0] += 2.1
    assert rate.hz() == 0.0
    rate.add()
    assert 0.0 < rate.hz() < 10.0
