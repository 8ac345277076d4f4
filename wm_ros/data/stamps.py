"""Which time a recorded message is dated by: its header's, or when the recorder got it."""

from __future__ import annotations

from typing import Any

from wm_ros.messages.stamp import to_ns

STAMPS = ("header", "log")
# Messages overtake each other by less; more means that the clock was restarted.
RESTART_NS = 1_000_000_000


class HeaderClock:
    """Dates the messages of one topic by their headers, across restarts of the clock behind them.

    A camera's clock may wrap or begin anew within a recording (32 bits of microseconds are 71 minutes). From there on
    its stamps are shifted, so that they lie as far from the recorder's log as the first one did.
    """

    def __init__(self) -> None:
        self.restarts = 0
        self.unstamped = 0
        self._first_off_ns: int | None = None
        self._last_ns = 0
        self._shift_ns = 0

    def __call__(self, message: Any, log_ns: int) -> int | None:
        """The message's time in ns; None without a stamp."""
        stamp_ns = to_ns(message.header.stamp) if hasattr(message, "header") else 0
        if not stamp_ns:
            self.unstamped += 1
            return None
        if self._first_off_ns is None:
            self._first_off_ns = stamp_ns - log_ns
        elif self._last_ns - stamp_ns > RESTART_NS:
            self.restarts += 1
            self._shift_ns = log_ns + self._first_off_ns - stamp_ns
        self._last_ns = stamp_ns
        return stamp_ns + self._shift_ns
