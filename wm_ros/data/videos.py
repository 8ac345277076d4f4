"""Video files as sources of a recording: pictures dated by their own time stamps, and no commands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from wm_ros.data.collector import Collector
from wm_ros.data.file_kinds import well_known
from wm_ros.data.recording import RecordingError
from wm_ros.messages.compressed import ImageError, require_size

# A video that stops before this share of the time its header promises was cut off.
WHOLE_SHARE = 0.9


@dataclass(frozen=True)
class Video:
    """A video file as its header describes it; `frame_count` and `seconds` are 0 when it does not say."""

    path: Path
    height: int
    width: int
    frame_count: int
    seconds: float


class VideoSource:
    """One video file, or all those of a folder; each is an episode.

    In a folder, files that cannot be read are left out and noted.
    """

    def __init__(self, name: str, files: Sequence[Path]) -> None:
        self._name = name
        self._videos: list[Video] = []
        self._refused: list[str] = []
        for file in files:
            try:
                self._videos.append(open_video(file))
            except RecordingError as error:
                self._refused.append(str(error))
        if not self._videos:
            raise RecordingError(self._refused[0])
        self.frame_count = sum(video.frame_count for video in self._videos)

    def sizes(self) -> set[tuple[int, int]]:
        """Height and width of each video."""
        return {(video.height, video.width) for video in self._videos}

    def read(self, collector: Collector) -> None:
        """Hand all pictures over, one after the other."""
        for video in self._videos:
            with collector.source(self._name, "video", labelled=False):
                start_ns: int | None = None
                end_ns = 0
                for stamp_ns, picture in pictures(video.path, collector.lose):
                    start_ns = stamp_ns if start_ns is None else start_ns
                    end_ns = stamp_ns
                    collector.frame(stamp_ns, picture.to_ndarray(format="rgb24"))
                seconds = 0.0 if start_ns is None else (end_ns - start_ns) * 1e-9
                if seconds < WHOLE_SHARE * video.seconds - 1.0:
                    collector.note(
                        f"{video.path.name} is cut off: {seconds:.1f} of {video.seconds:.1f} s are there"
                    )
        for text in self._refused:
            collector.note(f"left out: {text}")


def open_video(path: Path) -> Video:
    """Read a video's header; raises RecordingError when there is no picture stream to decode."""
    try:
        with av.open(str(path)) as container:
            stream = next(iter(container.streams.video), None)
            if stream is None:
                raise RecordingError(f"{path} holds no video, only sound or data")
            seconds = (container.duration or 0) / av.time_base
            count = stream.frames or round(seconds * float(stream.average_rate or 0))
            context = stream.codec_context
            require_size(f"video {path}", context.width, context.height)
            return Video(path, context.height, context.width, count, seconds)
    except ImageError as error:
        raise RecordingError(str(error)) from error
    except (av.FFmpegError, OSError) as error:
        what = well_known(path) or (
            f"cannot be read as a video: {error.strerror}; an mp4 whose recorder was killed lacks its index and is "
            "lost, an mkv is not"
        )
        raise RecordingError(f"{path} {what}") from error


def frame_stamps(path: Path) -> np.ndarray:
    """Stamps [N] int64 ns of all frames, increasing, without decoding one; those of damaged frames are among them."""
    stamps: list[int] = []
    with av.open(str(path)) as container:
        packets = container.demux(container.streams.video[0])
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError:  # `pictures` tells of it
                continue
            if packet is None:
                return np.unique(np.array(stamps, dtype=np.int64))
            if packet.pts is not None and packet.time_base is not None and not packet.is_discard:
                stamps.append(round(packet.pts * packet.time_base * 1_000_000_000))


def pictures(path: Path, lose: Callable[[str], None]) -> Iterator[tuple[int, av.VideoFrame]]:
    """Stamp in ns and decoded frame, in order of time; `lose` is told of each that is damaged."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    return
                frames = packet.decode()
            except av.FFmpegError as error:
                lose(f"video packets: {error.strerror}")
                continue
            for frame in frames:
                if frame.is_corrupt or frame.pts is None:
                    lose("video frames that are damaged or have no time stamp")
                else:
                    yield round(frame.pts * frame.time_base * 1_000_000_000), frame
