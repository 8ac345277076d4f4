"""Real-time scheduling for a process that must not wait for busy ones, where the system allows it."""

from __future__ import annotations

import os

PRIORITY = 40  # below interrupt threads (50)


def request_realtime() -> bool:
    """Schedule this process before all normal ones; False where that is not allowed, and nothing changes.

    Call it before other threads are started: they inherit it. Allowed to root, and to users with a limit `rtprio` of at
    least 40 in /etc/security/limits.conf.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    except (AttributeError, OSError):  # no such call on this system, or not allowed
        return False
    return True


def is_realtime() -> bool:
    """Whether the calling thread is scheduled before normal ones."""
    return hasattr(os, "sched_getscheduler") and os.sched_getscheduler(0) == os.SCHED_FIFO
