"""What is wrong with a node right now: each fault is logged when it begins and when it is over."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from enum import IntEnum

from rclpy.impl.rcutils_logger import RcutilsLogger

from wm_ros.printable import printable


class Level(IntEnum):
    """diagnostic_msgs/DiagnosticStatus levels."""

    OK = 0
    WARN = 1
    ERROR = 2


class Faults:
    """Faults by source; any thread may raise and clear them.

    A fault is logged again when its level or its message changes in more than the figures, which would
    flood the log.
    """

    def __init__(self, logger: RcutilsLogger, on_change: Callable[[], None]):
        self._logger = logger
        self._on_change = on_change
        self._lock = threading.Lock()
        self._current: dict[str, tuple[Level, str]] = {}

    def set(self, source: str, level: Level, message: str) -> bool:
        """The source is at fault; `message` names the value, the limit and the fix. True when it is news."""
        with self._lock:
            before = self._current.get(source)
            self._current[source] = (level, message)
        if before is not None and before[0] == level and _wording(before[1]) == _wording(message):
            return False
        if level == Level.ERROR:
            self._logger.error(printable(f"{source}: {message}"))
        else:
            self._logger.warning(printable(f"{source}: {message}"))
        self._on_change()
        return True

    def clear(self, source: str) -> None:
        """The source works; says so when it did not before."""
        with self._lock:
            before = self._current.pop(source, None)
        if before is not None:
            self._logger.info(f"{source}: recovered")
            self._on_change()

    def clear_all(self) -> None:
        """Drop all faults without a word: an inactive node observes nothing."""
        with self._lock:
            self._current.clear()

    def worst(self) -> tuple[Level, str]:
        """The highest level with all its messages; (OK, "") when nothing is wrong."""
        with self._lock:
            current = list(self._current.values())
        level = max((level for level, _ in current), default=Level.OK)
        return level, "; ".join(message for its_level, message in current if its_level == level)


def _wording(message: str) -> str:
    return re.sub(r"\d+", "#", message)
