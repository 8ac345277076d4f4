"""Stamps: exact nanoseconds both ways."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from message_kinds import KINDS, blank

from wm_ros.messages.stamp import fill_stamp, to_ns

FIRST, LAST = -(2**31) * 10**9, 2**31 * 10**9 - 1


@pytest.mark.parametrize("kind", KINDS)
@given(ns=st.integers(FIRST, LAST))
def test_round_trip_is_exact(kind, ns):
    stamp = fill_stamp(blank(kind, "builtin_interfaces/msg/Time"), ns)
    assert to_ns(stamp) == ns
    assert 0 <= stamp.nanosec < 10**9


@pytest.mark.parametrize("ns", [FIRST - 1, LAST + 1])
def test_what_does_not_fit_is_refused_not_wrapped(ns):
    with pytest.raises(ValueError, match="32-bit seconds"):
        fill_stamp(blank("rosbags", "builtin_interfaces/msg/Time"), ns)
