"""Frames on disk while there is a recording of them: a file without a name, gone with the process at the latest."""

from __future__ import annotations

import errno
import shutil
import tempfile
from pathlib import Path
from types import TracebackType

import numpy as np

from wm_ros.data.recording import RecordingError

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class FrameCache:
    """Pictures of one size [H, W, 3] uint8, appended one by one and then mapped into memory.

    A context manager: the file has no name, so nothing is left behind, and the map outlives the context. Raises
    RecordingError when the frames do not fit into the folder: at the first one when it is known how many come.

    folder: default the system's for temporary files (TMPDIR). expected: frames that will come, 0 if unknown.
    """

    def __init__(self, folder: str | Path | None = None, expected: int = 0) -> None:
        self._folder = Path(tempfile.gettempdir() if folder is None else folder)
        self._expected = expected
        self._shape: tuple[int, ...] = ()
        self._count = 0

    def __enter__(self) -> FrameCache:
        try:
            # Unbuffered: what fails, fails in `append` and not once more when the file is closed.
            self._file = tempfile.TemporaryFile(dir=self._folder, buffering=0)
        except OSError as error:
            raise RecordingError(
                f"no frames can be kept in {self._folder}: {error.strerror}; give another folder with --cache-dir"
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def append(self, frame: np.ndarray) -> None:
        """Write the next frame; all have the shape of the first."""
        if not self._shape:
            self._shape = frame.shape
            self._require_room()
        if frame.shape != self._shape:
            raise ValueError(f"a frame of {frame.shape} among frames of {self._shape}")
        rest = np.ascontiguousarray(frame).reshape(-1).view(np.uint8).data
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            raise self._full(f"it was full after {self._count} frames") from error
        self._count += 1

    def frames(self) -> np.ndarray:
        """All frames [F, H, W, 3], memory-mapped."""
        return np.memmap(self._file, dtype=np.uint8, mode="r", shape=(self._count, *self._shape))

    def _require_room(self) -> None:
        free = shutil.disk_usage(self._folder).free
        if self._expected * int(np.prod(self._shape)) > free:
            raise self._full(f"it has {free / 1e9:.3g} GB free")

    def _full(self, state: str) -> RecordingError:
        height, width = self._shape[:2]
        size = self._expected * int(np.prod(self._shape)) / 1e9
        need = f"{self._expected} frames of {width}x{height} need {size:.3g} GB in" if size else "no room in"
        return RecordingError(
            f"{need} {self._folder}, and {state}: free some, name a larger disk with --cache-dir (or TMPDIR), or "
            "keep smaller pictures with --frame-size"
        )
