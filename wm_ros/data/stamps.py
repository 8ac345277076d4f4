"""Which time a recorded message is dated by: its header's, or when the recorder got it."""

from __future__ import annotations

from collections import deque
from typing import Any

from wm_ros.messages.stamp import to_ns

# Messages overtake each other by less; more means that the clock was set anew.
RESTART_NS = 1_000_000_000
RECENT = 64  # messages that tell how far stamps lie from the recorder's log


class HeaderClock:
    """Dates the messages of one topic by their headers, across jumps of the clock behind them.

    A camera's clock may wrap or begin anew within a recording (32 bits of microseconds are 71 minutes), and some
    drivers return from there after a second, or stamp single frames in the future. From a jump on the stamps are
    shifted, so that they lie as far from the recorder's log as those before it.
    """

    def __init__(self) -> None:
        self.jumps = 0
        self.unstamped = 0
        self._last_ns = 0
        self._shift_ns = 0
        self._recent_ns: deque[int] = deque(maxlen=RECENT)  # how far ahead of the log, most of it negative

    @property
    def stamped(self) -> bool:
        """Whether any message had a stamp."""
        return bool(self._recent_ns)

    def __call__(self, message: Any, log_ns: int) -> int | None:
        """The message's time in ns; None without a stamp."""
        stamp_ns = to_ns(message.header.stamp) if hasattr(message, "header") else 0
        if not stamp_ns:
            self.unstamped += 1
            return None
        if self.stamped and self._jumped(stamp_ns, log_ns):
            self.jumps += 1
            # The least delayed of the messages before: a single one may have waited for the recorder.
            self._shift_ns = log_ns + max(self._recent_ns) - stamp_ns
        self._last_ns = stamp_ns
        self._recent_ns.append(stamp_ns + self._shift_ns - log_ns)
        return stamp_ns + self._shift_ns

    def _jumped(self, stamp_ns: int, log_ns: int) -> bool:
        if self._last_ns - stamp_ns > RESTART_NS:
            return True
        ahead_ns = stamp_ns + self._shift_ns - log_ns
        # The first messages may have come to the recorder late, so a clock never shifted must also be in the future.
        known = self._shift_ns or ahead_ns > RESTART_NS
        return bool(known) and ahead_ns - max(self._recent_ns) > RESTART_NS
