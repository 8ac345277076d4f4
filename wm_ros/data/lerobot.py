"""LeRobot datasets as sources of a recording: pictures from videos or tables, actions as commands."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import pyarrow.parquet as pq

from wm_ros.data.action_rows import ActionRows
from wm_ros.data.collector import Collector
from wm_ros.data.lerobot_set import Footage, LeRobotSet, read_table
from wm_ros.data.recording import RecordingError
from wm_ros.data.videos import open_video, pictures
from wm_ros.messages.compressed import ImageError, decode_picture
from wm_ros.robots.profile import RobotProfile

IMAGES_AT_ONCE = 16


class _Episode(NamedTuple):
    """Rows of one episode: times [R] in s, actions [R, A] in the profile's order; `restarts`: rows that begin anew."""

    number: int
    file: Path
    times_s: np.ndarray
    restarts: np.ndarray
    actions: np.ndarray | None


class LeRobotSource:
    """One LeRobot dataset folder. The action of a row is held from its timestamp to that of the next row.

    Where it is a target, or actions are read from states, it is the rate from this row's to the next one's.
    """

    def __init__(self, root: Path, profile: RobotProfile, camera: str | None = None) -> None:
        self._set, self._profile = LeRobotSet(root, profile, camera), profile
        self._footage = self._set.footage()
        self.frame_count = int(self._set.info.get("total_frames", 0))

    def sizes(self) -> set[tuple[int, int]]:
        """Height and width of the first episode's pictures; one set has one camera mode."""
        if self._set.in_video:
            there = (place.video for place in self._footage.values() if place.video and place.video.is_file())
            videos = [open_video(path) for path in itertools.islice(there, 1)]
            return {(video.height, video.width) for video in videos}
        picture = next(_images(self._set, self._set.data_files()[0]), None)
        return set() if picture is None else {picture.shape[:2]}

    def read(self, collector: Collector) -> None:
        """Hand all episodes over; raises RecordingError when tables or videos are broken."""
        name, kind = self._set.root.resolve().name, f"LeRobot {self._set.version} set"
        found = {"episodes": 0, "frames": 0}
        reel = _Reel(0.5 / self._set.fps, collector)
        labelled = self._set.columns is not None
        actions = ActionRows(self._profile, collector, self._set.fps)
        for episode, images in self._rows():
            footage = self._footage.get(episode.number)
            if footage is None:
                raise RecordingError(
                    f"{episode.file} has episode {episode.number}, which meta/ does not know"
                )
            with collector.source(name, kind, labelled):
                if episode.actions is not None:
                    actions.add(episode.times_s, episode.actions)
                taken = images if footage.video is None else reel.show(footage, episode.times_s)
                for row, (time_s, picture) in enumerate(zip(episode.times_s, taken, strict=False)):
                    if row in episode.restarts:
                        collector.cut()
                    if picture is None:
                        collector.lose("rows without a picture that can be read")
                    else:
                        collector.frame(round(time_s * 1e9), picture)
                if len(episode.restarts):
                    collector.note(
                        f"timestamps of episode {episode.number} begin anew {len(episode.restarts)} times: each time "
                        "an episode of its own, dated by the rate of the set"
                    )
            found["episodes"] += 1
            found["frames"] += len(episode.times_s)
        actions.check()
        for text in self._set.notes:
            collector.note(text)
        for what, count in found.items():
            promised = self._set.info.get(f"total_{what}", count)
            if count != promised:
                collector.note(f"info.json promises {promised} {what}, found {count}")

    def _rows(self) -> Iterator[tuple[_Episode, Iterator[np.ndarray | None]]]:
        """Episodes with their pictures out of the tables, which must be taken one after the other."""
        columns, name = self._set.columns, self._set.actions
        wanted = {"episode_index", "timestamp"} | (set() if columns is None else {name})
        for file in self._set.data_files():
            table = read_table(file, wanted)
            numbers = table["episode_index"].to_numpy()
            times = table["timestamp"].to_numpy().astype(np.float64)
            actions = None if columns is None else _matrix(file, table[name].to_pylist(), columns, name)
            images = iter(()) if self._set.in_video else _images(self._set, file)
            edges = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(numbers)]
            for start, stop in itertools.pairwise(edges):
                rows = slice(start, stop)
                labels = None if actions is None else actions[rows]
                times_s, restarts = _continued(times[rows], 1.0 / self._set.fps)
                yield _Episode(int(numbers[start]), file, times_s, restarts, labels), images


class _Reel:
    """Plays videos forward, once, and stops at the frames that are wanted."""

    def __init__(self, tolerance_s: float, collector: Collector) -> None:
        self._tolerance_s, self._collector = tolerance_s, collector
        self._path: Path | None = None
        self._time_s = self._wanted_s = 0.0
        self._picture: Any = None

    def show(self, footage: Footage, times_s: np.ndarray) -> Iterator[np.ndarray | None]:
        """The picture at each of these times of an episode, None where the video has none."""
        for wanted_s in footage.from_s + times_s:
            if footage.video != self._path or wanted_s < self._wanted_s:
                self._open(cast(Path, footage.video))  # there is one, or no reel is needed
            self._wanted_s = wanted_s
            while self._time_s < wanted_s - self._tolerance_s:
                self._forward()
            near = self._time_s <= wanted_s + self._tolerance_s
            yield self._picture.to_ndarray(format="rgb24") if near else None

    def _open(self, path: Path) -> None:
        if not path.is_file():
            raise RecordingError(f"there is no {path}: was the set downloaded whole?")
        open_video(path)  # says what is wrong with it
        self._path, self._frames = path, pictures(path, self._collector.lose)
        self._forward()

    def _forward(self) -> None:
        stamp_ns, self._picture = next(self._frames, (None, None))
        self._time_s = np.inf if stamp_ns is None else stamp_ns * 1e-9


def _continued(times_s: np.ndarray, period_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Times [R] that go on a period later wherever they went back, as the video does, and the rows where they did."""
    restarts = np.flatnonzero(np.diff(times_s) < 0.0) + 1
    times_s = times_s.copy()
    for row in restarts:
        times_s[row:] += times_s[row - 1] + period_s - times_s[row]
    return times_s, restarts


def _matrix(file: Path, rows: list[Any], columns: list[int], name: str) -> np.ndarray:
    """Actions [R, A] in the profile's order; a row without a value is NaN."""
    width = max(columns) + 1
    blank = [np.nan] * width
    try:
        values = np.array(
            [blank if row is None else np.atleast_1d(row)[:width] for row in rows], dtype=np.float64
        )
    except (TypeError, ValueError) as error:
        raise RecordingError(
            f"{file}: column {name} does not hold numbers as info.json says: {error}"
        ) from error
    return values.reshape(len(rows), -1)[:, columns]


def _images(lerobot: LeRobotSet, file: Path) -> Iterator[np.ndarray | None]:
    """The pictures of a table row by row, None where one cannot be decoded."""
    with pq.ParquetFile(file) as table:
        for batch in table.iter_batches(IMAGES_AT_ONCE, columns=[lerobot.camera]):
            for entry in batch.column(0).to_pylist():
                data = entry and entry["bytes"]
                if entry and data is None and entry["path"]:
                    path = lerobot.root / entry["path"]
                    data = path.read_bytes() if path.is_file() else None
                yield _decoded(data)


def _decoded(data: bytes | None) -> np.ndarray | None:
    if not data:
        return None
    try:
        return decode_picture(np.frombuffer(data, np.uint8), f"a picture of {len(data)} bytes in a table")
    except ImageError:
        return None  # counted by the caller among the frames that are lost
