"""Stamps of serialised messages, read and replaced in place: for those that begin with a std_msgs/Header.

The encapsulation takes four bytes, of which the second tells the byte order; seconds and nanoseconds follow.
"""

from __future__ import annotations

import struct

_STAMP = 4  # offset
_END = 12


def stamp_of(data: bytes) -> int:
    """Nanoseconds of header.stamp; ValueError for fewer bytes than a header has."""
    if len(data) < _END:
        raise ValueError(f"a serialised message with a header has at least {_END} bytes, got {len(data)}")
    seconds: int
    nanoseconds: int
    seconds, nanoseconds = struct.unpack_from(_format(data), data, _STAMP)
    return seconds * 1_000_000_000 + nanoseconds


def restamped(data: bytes, stamp_ns: int) -> bytes:
    """The same message under another stamp."""
    return data[:_STAMP] + struct.pack(_format(data), *divmod(stamp_ns, 1_000_000_000)) + data[_END:]


def _format(data: bytes) -> str:
    return "<iI" if data[1] & 1 else ">iI"
