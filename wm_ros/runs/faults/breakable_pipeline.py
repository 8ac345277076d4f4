"""The real pipeline node in a process of its own, with a model that fails or stalls when a signal says so."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

FAIL, STALL = signal.SIGUSR1, signal.SIGUSR2
STALL_S = 5.0
ORPHAN_POLL_S = 0.5


def main(arguments: Sequence[str], log: Path) -> None:
    """Entry of the process: SIGUSR1 switches failing on and off, SIGUSR2 makes the next frame take 5 s."""
    with log.open("ab", buffering=0) as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    _break_on_signals()
    threading.Thread(target=_die_with_parent, args=(os.getppid(),), daemon=True).start()
    from wm_ros.nodes.pipeline_node import main as pipeline

    sys.exit(pipeline(arguments))


def _break_on_signals() -> None:
    from wm_ros.stages.encode import Encode

    failing = stalling = False  # no Events: their locks and signal handlers do not go together
    encode = Encode.__call__

    def fail(*_: Any) -> None:
        nonlocal failing
        failing = not failing

    def stall(*_: Any) -> None:
        nonlocal stalling
        stalling = True

    def breakable(self: Encode, frame: Any) -> Any:
        nonlocal stalling
        if stalling:
            stalling = False
            time.sleep(STALL_S)
        if failing:
            raise RuntimeError("injected: the model fails")
        return encode(self, frame)

    signal.signal(FAIL, fail)
    signal.signal(STALL, stall)
    setattr(Encode, "__call__", breakable)  # noqa: B010  in place of the method


def _die_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(ORPHAN_POLL_S)
    os._exit(1)
