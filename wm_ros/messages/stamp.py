"""Stamps as integer nanoseconds: exact, ordered and free of floating point."""

from __future__ import annotations

from typing import Any

_SECOND = 1_000_000_000


def to_ns(stamp: Any) -> int:
    """Nanoseconds of a builtin_interfaces Time or Duration."""
    return int(stamp.sec) * _SECOND + int(stamp.nanosec)


def fill_stamp(stamp: Any, ns: int) -> Any:
    """Write nanoseconds into a Time or Duration and return it; ValueError beyond its 32-bit seconds."""
    sec, nanosec = divmod(int(ns), _SECOND)
    if not -(2**31) <= sec < 2**31:
        raise ValueError(f"{ns} ns is {sec} s, which does not fit the 32-bit seconds of a ROS stamp")
    stamp.sec, stamp.nanosec = sec, nanosec
    return stamp
