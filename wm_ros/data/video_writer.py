"""Writes pictures to an mp4 that everything plays: h264, 4:2:0, close to what was put in, quick to seek."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import av
import numpy as np

from wm_ros.data.recording import RecordingError

CODEC = "libx264"
PIXEL_FORMAT = "yuv420p"
# Quality 18 costs less than halving the colours' resolution, which every player expects. A key frame each second
# frame: who trains on the file reads single frames, and each is then two decoded pictures away.
OPTIONS = {"crf": "18", "g": "2"}


class VideoWriter:
    """A new video of one picture size, frame k at k / fps seconds. `count` frames are in it; `close` makes it whole."""

    def __init__(self, path: Path, fps: int, height: int, width: int) -> None:
        if height % 2 or width % 2:
            raise RecordingError(
                f"pictures of {width}x{height} cannot be a video with colours at half resolution ({PIXEL_FORMAT}): "
                "width and height must be even; --frame-size N makes squares of N pixels"
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self.count = path, 0
        self._container = av.open(str(path), "w")
        stream = self._container.add_stream(CODEC, rate=fps, options=OPTIONS)
        self._stream = cast(av.VideoStream, stream)
        self._stream.height, self._stream.width, self._stream.pix_fmt = height, width, PIXEL_FORMAT

    def append(self, picture: np.ndarray) -> None:
        """The next frame, [H, W, 3] uint8 RGB."""
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        frame.pts = self.count
        self._container.mux(self._stream.encode(frame))
        self.count += 1

    def close(self) -> None:
        """Write what the encoder holds back, and the index."""
        self._container.mux(self._stream.encode())
        self._container.close()
