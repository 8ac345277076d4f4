"""States on disk: every frame is encoded once into a file without a name, which is mapped into memory."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from wm_ros.data.frame_cache import NO_ROOM
from wm_ros.data.recording import Recording
from wm_ros.training.optimise import TrainingError
from wm_ros.training.processes import gather, mine, process_count


def mapped(
    shape: Sequence[int], folder: str | Path | None = None, kind: type[np.generic] = np.float32
) -> Tensor:
    """Zeros [shape] of this kind in a file in `folder` (default: TMPDIR) that vanishes with them.

    The disk space is taken at once: a map of a full disk would end the process. Raises TrainingError without room.
    """
    folder = Path(tempfile.gettempdir() if folder is None else folder)
    size = np.dtype(kind).itemsize * int(np.prod(shape))
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            return torch.from_numpy(np.memmap(file, dtype=kind, mode="r+", shape=tuple(shape)))
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        raise TrainingError(
            f"training needs {size / 1e9:.3g} GB more in {folder}, and there is no room: free some, or name a larger "
            "disk with --cache-dir (or TMPDIR)"
        ) from error


@torch.no_grad()
def encode_all(encoder: nn.Module, recording: Recording, states: Tensor, batch: int = 128) -> None:
    """Write the states of all frames of a recording to `states` [F, N, D]; processes encode a share of each batch."""
    device = next(encoder.parameters()).device
    for start in range(0, len(states), batch):
        frames = torch.from_numpy(recording.frames[start : start + batch].copy())
        if len(frames) % process_count():  # the last ones
            states[start : start + batch] = encoder(frames.to(device))
        else:
            states[start : start + batch] = gather(encoder(mine(frames).to(device)))
