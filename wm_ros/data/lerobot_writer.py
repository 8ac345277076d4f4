"""Writes a LeRobot dataset (layout v3.0) that the `lerobot` package loads: tables, videos, and what describes them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from wm_ros.data.lerobot_meta import (
    COUNTERS,
    DATA_PATH,
    EPISODES_PATH,
    VIDEO_MB,
    VIDEO_PATH,
    SetContent,
    arrow_column,
    place_of,
)
from wm_ros.data.lerobot_stats import PictureStats, column_stats, picture_stats
from wm_ros.data.lerobot_tables import ACTION, STATE
from wm_ros.data.recording import RecordingError
from wm_ros.data.video_writer import VideoWriter
from wm_ros.messages.views import split

# Longer videos are cut between episodes: lerobot asks for frames by times of 32 bits, which from 1024 s on miss by more
# than the 0.1 ms that it allows.
VIDEO_S = 1000.0


class LeRobotWriter:
    """A new dataset, episode by episode; a context manager, and the folder is there when it ends without an error.

    Until then it grows in a folder beside, OUT.part, which an error removes. Raises RecordingError when either folder
    exists, pictures change their size, or there was no episode. `episodes` and `frames` are counted.
    """

    def __init__(self, out: Path, content: SetContent) -> None:
        require_free(out)
        self._out, self._root, self.content = out, _part(out), content
        self._files: _Files | None = None
        self._file = -1
        self._shape: tuple[int, ...] = ()
        self._rows: list[dict[str, Any]] = []  # of meta/episodes
        self._columns: list[dict[str, np.ndarray]] = []
        self._pictures: list[list[PictureStats]] = [[] for _ in content.cameras]
        self.episodes = self.frames = 0

    def __enter__(self) -> LeRobotWriter:
        self._root.mkdir(parents=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._files is not None:
                self._files.close()
            if kind is None:
                self._describe()
                self._root.rename(self._out)
        finally:
            shutil.rmtree(self._root, ignore_errors=True)

    def add_episode(
        self, pictures: Iterable[np.ndarray], actions: np.ndarray, states: np.ndarray | None = None
    ) -> None:
        """One episode: as many pictures [H, W, 3] uint8 RGB as there are rows of actions [R, A] and states [R, P].

        Of several cameras, a picture is theirs side by side.
        """
        columns = self._row_columns(actions, states)
        length, cameras = len(actions), self.content.camera_keys
        stats = [PictureStats(length) for _ in cameras]
        files: _Files | None = None
        number = -1
        for number, picture in enumerate(pictures):
            views = split(picture, len(cameras))
            files = files or self._next_files(length, columns, views[0].shape)
            if views[0].shape != self._shape:
                raise RecordingError(
                    f"a picture of {_size(views[0].shape)} after pictures of {_size(self._shape)}: a set has one size; "
                    "--frame-size N makes squares of N pixels of all"
                )
            for video, of_camera, view in zip(files.videos, stats, views, strict=True):
                video.append(view)
                of_camera.add(number, view)
        if files is None or number + 1 != length:
            raise ValueError(f"an episode needs a picture for each of its {length} actions")
        files.table.write_table(_table(columns))  # a row group for each episode
        found = {key: picture_stats([of_camera]) for key, of_camera in zip(cameras, stats, strict=True)}
        found |= {name: column_stats(values) for name, values in columns.items()}
        self._rows.append(
            {
                **self.content.episode(
                    self.episodes, self.frames, length, self._file, files.videos[0].count - length
                ),
                **{f"stats/{key}/{name}": v for key, part in found.items() for name, v in part.items()},
            }
        )
        self._columns.append(columns)
        for kept, of_camera in zip(self._pictures, stats, strict=True):
            kept.append(of_camera)
        self.episodes += 1
        self.frames += length

    def _next_files(self, length: int, columns: dict[str, np.ndarray], shape: tuple[int, ...]) -> _Files:
        """The files at hand, or the next ones where this episode would make those too long or they are too large."""
        self._shape = self._shape or shape
        if self._files is not None:
            videos = self._files.videos
            longer = (videos[0].count + length) / self.content.fps > VIDEO_S
            if not longer and max(video.path.stat().st_size for video in videos) < VIDEO_MB * 2**20:
                return self._files
            self._files.close()
        self._file += 1
        place = place_of(self._file)
        data = self._root / DATA_PATH.format(**place)
        videos = [
            VideoWriter(self._root / VIDEO_PATH.format(video_key=key, **place), self.content.fps, *shape[:2])
            for key in self.content.camera_keys
        ]
        data.parent.mkdir(parents=True, exist_ok=True)
        self._files = _Files(pq.ParquetWriter(data, _table(columns).schema), videos)
        return self._files

    def _row_columns(self, actions: np.ndarray, states: np.ndarray | None) -> dict[str, np.ndarray]:
        """What a table holds of an episode, each [R, D]."""
        rows = np.arange(len(actions))
        columns = {ACTION: actions.astype(np.float32)}
        if states is not None:
            columns[STATE] = states.astype(np.float32)
        columns["timestamp"] = (rows / self.content.fps).astype(np.float32)[:, None]
        counters = (rows, rows * 0 + self.episodes, rows + self.frames, rows * 0)
        return columns | {name: values[:, None] for name, values in zip(COUNTERS, counters, strict=True)}

    def _describe(self) -> None:
        if not self.episodes:
            raise RecordingError("there is no episode to write")
        episodes = self._root / EPISODES_PATH
        episodes.parent.mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(self._rows), episodes)
        pq.write_table(self.content.tasks(), self._root / "meta" / "tasks.parquet")
        cameras = zip(self.content.camera_keys, self._pictures, strict=True)
        stats = {key: picture_stats(of_camera) for key, of_camera in cameras}
        for name in self._columns[0]:
            stats[name] = column_stats(np.concatenate([columns[name] for columns in self._columns]))
        info = self.content.info(self.episodes, self.frames, self._shape)
        for name, content in (("stats", stats), ("info", info)):
            (self._root / "meta" / f"{name}.json").write_text(json.dumps(content, indent=4), encoding="utf-8")


class _Files(NamedTuple):
    """Where rows and pictures go at the moment."""

    table: pq.ParquetWriter
    videos: list[VideoWriter]  # one for each camera

    def close(self) -> None:
        self.table.close()
        for video in self.videos:
            video.close()


def require_free(out: Path) -> None:
    """RecordingError where a set of this name, or the rest of one, is."""
    if out.exists():
        raise RecordingError(f"{out} exists already; give another folder for the set")
    if _part(out).exists():
        raise RecordingError(
            f"{_part(out)} is what a killed export left, or one that runs: remove it, or wait"
        )


def _part(out: Path) -> Path:
    return out.with_name(out.name + ".part")


def _table(columns: dict[str, np.ndarray]) -> pa.Table:
    return pa.table({name: arrow_column(values) for name, values in columns.items()})


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}x{shape[0]}"
