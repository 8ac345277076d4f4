"""Plays the videos of a LeRobot set: to each row of an episode the frame that was written with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np

from wm_ros.data.collector import Collector
from wm_ros.data.lerobot_pairing import pair, windows
from wm_ros.data.lerobot_set import Footage
from wm_ros.data.videos import frame_stamps, open_video, pictures

SAME_S = 1e-4  # a frame found by its own stamp
NAMED = 5  # episodes that a note lists


class _Open(NamedTuple):
    """A video: stamps [N] s of its frames, and which of them are each episode's."""

    path: Path
    stamps_s: np.ndarray
    frames: dict[int, slice]


class Reel:
    """Plays videos forward and stops at the frames that are wanted; `notes` tell what did not fit."""

    def __init__(self, footage: dict[int, Footage], period_s: float, collector: Collector) -> None:
        self._footage, self._period_s, self._collector = footage, period_s, collector
        self._sharing: dict[Path | None, list[int]] = defaultdict(list)
        for number, place in footage.items():
            self._sharing[place.video].append(number)
        self._video: _Open | None = None
        self._time_s = 0.0
        self._picture: Any = None
        self._other_count: dict[int, tuple[int, int]] = {}
        self._by_order: list[int] = []
        self._about_files: list[str] = []

    def show(self, number: int, rows_s: np.ndarray, rows: np.ndarray) -> Iterator[np.ndarray | None]:
        """The picture of each row of an episode, None where the video has none.

        rows_s: times of the rows in the episode; rows: their numbers in it, from 0. Raises RecordingError for a video
        that is no video.
        """
        place = self._footage[number]
        video = self._opened(cast(Path, place.video))  # there is one, or no reel is needed
        stamps_s = video.stamps_s[video.frames[number]]
        from_s = 0.0 if place.span is None else place.span.from_s
        frames = pair(stamps_s, from_s, rows_s, rows, self._period_s)
        self._compare(number, stamps_s, rows_s, rows)
        for frame in frames:
            yield None if frame < 0 else self._at(stamps_s[frame])

    def notes(self) -> list[str]:
        """What people should know of the videos that were played."""
        notes = [*self._about_files]
        if self._other_count:
            listed = [f"episode {k}: {frames} and {rows}" for k, (frames, rows) in self._other_count.items()]
            notes.append(
                f"{len(listed)} episodes have more or fewer frames in their video than rows ({_some(listed)}): rows go "
                "with the frame of their time, and what has no partner is left out"
            )
        if self._by_order:
            listed = [str(number) for number in self._by_order]
            notes.append(
                f"the timestamps of {len(listed)} episodes are not those of their frames (episode {_some(listed)}): "
                "there are as many, and they go together in their order"
            )
        return notes

    def _compare(self, number: int, stamps_s: np.ndarray, rows_s: np.ndarray, rows: np.ndarray) -> None:
        if len(stamps_s) != rows[-1] + 1:
            self._other_count[number] = (len(stamps_s), int(rows[-1]) + 1)
            return
        seen_s = stamps_s[rows] - stamps_s[rows[0]]
        if np.abs(seen_s - (rows_s - rows_s[0])).max() > 0.5 * self._period_s:
            self._by_order.append(number)

    def _opened(self, path: Path) -> _Open:
        if self._video is not None and self._video.path == path:
            return self._video
        open_video(path)  # says what is wrong with it
        stamps_s = frame_stamps(path) * 1e-9
        numbers = self._sharing[path]
        spans = [span for number in numbers if (span := self._footage[number].span) is not None]
        if not spans:
            frames = {numbers[0]: slice(0, len(stamps_s))}
        else:
            found = windows(stamps_s, spans, self._period_s)
            frames = dict(zip(numbers, found.frames, strict=True))
            if not found.counted:
                rows = sum(span.length for span in spans)
                self._about_files.append(
                    f"{path.name} has {len(stamps_s)} frames, its episodes have {rows}: they are found by their times"
                )
            elif found.off_s > 0.5 * self._period_s:
                self._about_files.append(
                    f"in {path.name} episodes begin up to {found.off_s:.3g} s from where meta/episodes has them: they "
                    "are found by counting frames, of which there are as many as rows"
                )
        self._video = _Open(path, stamps_s, frames)
        self._rewind()
        return self._video

    def _at(self, wanted_s: float) -> np.ndarray | None:
        """The picture of the frame with this stamp; None when it is damaged."""
        if wanted_s < self._time_s - SAME_S:
            self._rewind()
        while self._time_s < wanted_s - SAME_S:
            self._forward()
        near = self._time_s <= wanted_s + SAME_S
        return self._picture.to_ndarray(format="rgb24") if near else None

    def _rewind(self) -> None:
        self._frames = pictures(cast(_Open, self._video).path, self._collector.lose)
        self._forward()

    def _forward(self) -> None:
        stamp_ns, self._picture = next(self._frames, (None, None))
        self._time_s = np.inf if stamp_ns is None else stamp_ns * 1e-9


def _some(listed: list[str]) -> str:
    return ", ".join(listed[:NAMED]) + (", ..." if len(listed) > NAMED else "")
