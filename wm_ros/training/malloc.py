"""Memory of a process that trains."""

from __future__ import annotations

import ctypes
import sys


def keep_memory() -> None:
    """Have glibc keep freed memory: giving activations back to the system at every step doubles training time."""
    if sys.platform == "linux":
        trim_threshold, mmap_threshold = -1, -3  # of <malloc.h>
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(mmap_threshold, 1 << 30)
            mallopt(trim_threshold, (1 << 31) - 1)
