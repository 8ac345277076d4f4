"""A steady period in a thread of its own: an executor busy with a callback cannot delay it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Ticker:
    """Calls `tick` once per period of steady time until it returns False or raises; `failed` gets what it raised.

    A late tick does not shift those after it, and missed ones are not made up for. Beside the time it keeps,
    it costs half of what an rclpy timer does: the executor builds two wait sets for each timer call.
    """

    def __init__(
        self, name: str, period_s: float, tick: Callable[[], bool], failed: Callable[[Exception], None]
    ):
        self._period_s = period_s
        self._tick = tick
        self._failed = failed
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait for the last tick; the owner makes `tick` return False."""
        self._thread.join()

    def _run(self) -> None:
        due_s = time.monotonic()
        try:
            while self._tick():
                now_s = time.monotonic()
                due_s += self._period_s
                if due_s < now_s:
                    due_s = now_s
                time.sleep(due_s - now_s)
        except Exception as error:
            self._failed(error)
