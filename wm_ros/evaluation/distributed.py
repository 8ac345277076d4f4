"""The processes of one evaluation, which `accelerate launch` started on this machine or on several.

They have nothing in common but the folder of the evaluation, which all must see, and what they exchange here. Nobody
goes on without the others, and when one fails, all end.
"""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from wm_ros.evaluation.config import EvaluationError
from wm_ros.training.processes import leave_in_order

# Any of these says that there are others: of torchrun and `accelerate launch --multi_gpu`, and of MPI.
LAUNCHED = ("WORLD_SIZE", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE")
# These without any of those: Accelerate's way to start one process, which was told of several.
LAUNCHED_ALONE = ("ACCELERATE_MIXED_PRECISION", "MASTER_ADDR")
PATIENCE = timedelta(days=7)  # the others may have much to do
VISIBLE_S = 90.0  # a network file system may show a new file late: NFS by up to 60 s
POLL_S = 0.5

Result = TypeVar("Result")


class ProcessGroup:
    """This process and the others: its `rank`, of `world_size`; 0 of 1 where it was not launched with others."""

    def __init__(self) -> None:
        self.rank, self.world_size = 0, 1
        if not any(name in os.environ for name in LAUNCHED):
            if all(name in os.environ for name in LAUNCHED_ALONE):
                raise EvaluationError(
                    "`accelerate launch` was told of several processes and started this one alone: add --multi_gpu, "
                    "which is its way to start several, without GPUs too"
                )
            return
        from accelerate import PartialState

        # What is exchanged are texts: on machines with GPUs, too, they need not go through those.
        state = PartialState(cpu=True, timeout=PATIENCE)
        leave_in_order()
        self.rank, self.world_size = state.process_index, state.num_processes

    @property
    def is_main(self) -> bool:
        """Whether this is the process that writes the report and prints."""
        return self.rank == 0

    def run_on_main(self, call: Callable[[], Result]) -> Result:
        """What `call` gives in the main process, in all of them, where the others wait for it; or its error."""
        result, error = None, None
        if self.is_main:
            try:
                result = call()
            except Exception as raised:
                error = raised
        return self.synchronize(error, result)

    def synchronize(self, error: Exception | None = None, result: Any = None) -> Any:
        """Wait for all. Raises this process's error, else EvaluationError with another's; returns the main's result."""
        gathered = self._all_gather((_error_text(error), result))
        if error is not None:
            raise error
        for rank, (text, _) in enumerate(gathered):
            if text is not None:
                raise EvaluationError(f"process {rank} of {self.world_size} ended: {text}")
        return gathered[0][1]

    def require_shared(self, folder: Path) -> None:
        """Raise EvaluationError in all processes unless all see this folder of the main one."""
        if self.world_size == 1:
            return
        marker, error = self.run_on_main(lambda: _write_marker(folder)), None
        if not (folder / marker).is_file():
            error = EvaluationError(
                f"{self._here} does not see what process 0 wrote to {folder}: --out must be a folder that all machines "
                "share, by the same path"
            )
        self.synchronize(error)
        if self.is_main:
            (folder / marker).unlink()

    def wait_for_files(self, files: Iterable[Path]) -> None:
        """Wait until all see these files, written by whichever process."""
        if self.world_size == 1:
            return
        os.sync()  # a network file system is told of what was written through memory maps
        self.synchronize()
        deadline, missing, error = time.monotonic() + VISIBLE_S, list(files), None
        while (missing := [path for path in missing if not path.is_file()]) and time.monotonic() < deadline:
            time.sleep(POLL_S)
        if missing:
            error = EvaluationError(
                f"{self._here} does not see {missing[0]}, which another process wrote, after {VISIBLE_S:.0f} s: is "
                "--out shared by all machines?"
            )
        self.synchronize(error)

    @property
    def _here(self) -> str:
        return f"process {self.rank} on {socket.gethostname()}"

    def _all_gather(self, own: Any) -> list[Any]:
        """The objects of all processes, by rank."""
        if self.world_size == 1:
            return [own]
        from accelerate.utils import gather_object

        try:
            return gather_object([own])
        except RuntimeError as error:
            raise EvaluationError(
                "another process of this evaluation was ended: run the same command again on all machines, which goes "
                "on from here"
            ) from error


def _error_text(error: Exception | None) -> str | None:
    if error is None:
        return None
    ours = type(error).__module__.startswith("wm_ros.")
    return str(error) if ours else f"{type(error).__name__}: {error}"


def _write_marker(folder: Path) -> str:
    """A file that nobody has looked for before, so that no file system remembers that there was none."""
    marker = f"seen-{secrets.token_hex(8)}"
    (folder / marker).touch()
    return marker
