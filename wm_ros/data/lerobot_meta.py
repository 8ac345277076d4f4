"""What describes a LeRobot dataset of layout v3.0: its meta/ files, and how its tables hold a column."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from wm_ros.data.lerobot_tables import ACTION, STATE
from wm_ros.data.video_writer import PIXEL_FORMAT

COUNTERS = ("frame_index", "episode_index", "index", "task_index")
DATA_PATH = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO_PATH = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
EPISODES_PATH = "meta/episodes/chunk-000/file-000.parquet"
CHUNK_FILES, DATA_MB, VIDEO_MB = 1000, 100, 200


@dataclass(frozen=True)
class SetContent:
    """What is in each row of a set: pictures, an action, and a state where there are names of one.

    cameras: names behind `observation.images.`. action, state: (name, unit) of each component. task: what the robot is
    to do in all episodes, in words.
    """

    robot: str
    fps: int
    cameras: tuple[str, ...]
    action: tuple[tuple[str, str], ...]
    state: tuple[tuple[str, str], ...]
    task: str

    @property
    def camera_keys(self) -> list[str]:
        return [f"observation.images.{camera}" for camera in self.cameras]

    def info(self, episodes: int, frames: int, shape: tuple[int, ...]) -> dict[str, Any]:
        """meta/info.json of a set with pictures of this shape [3]."""
        features = {key: _video(shape, self.fps) for key in self.camera_keys} | {ACTION: _vector(self.action)}
        if self.state:
            features[STATE] = _vector(self.state)
        features["timestamp"] = _scalar("float32")
        features |= {name: _scalar("int64") for name in COUNTERS}
        return {
            "codebase_version": "v3.0",
            "robot_type": self.robot,
            "total_episodes": episodes,
            "total_frames": frames,
            "total_tasks": 1,
            "chunks_size": CHUNK_FILES,
            "data_files_size_in_mb": DATA_MB,
            "video_files_size_in_mb": VIDEO_MB,
            "fps": self.fps,
            "splits": {"train": f"0:{episodes}"},
            "data_path": DATA_PATH,
            "video_path": VIDEO_PATH,
            "features": features,
        }

    def episode(
        self, number: int, first_row: int, length: int, file: int, first_frame: int
    ) -> dict[str, Any]:
        """The row of meta/episodes of an episode that begins at a frame of the file's videos; without statistics."""
        place = place_of(file)
        times = {"from_timestamp": first_frame / self.fps, "to_timestamp": (first_frame + length) / self.fps}
        videos = {
            f"videos/{camera}/{key}": value
            for camera in self.camera_keys
            for key, value in {**place, **times}.items()
        }
        return {
            "episode_index": number,
            "tasks": [self.task],
            "length": length,
            **{f"data/{key}": value for key, value in place.items()},
            "dataset_from_index": first_row,
            "dataset_to_index": first_row + length,
            **videos,
            "meta/episodes/chunk_index": 0,
            "meta/episodes/file_index": 0,
        }

    def tasks(self) -> pa.Table:
        """meta/tasks.parquet: a pandas table whose index is the tasks' text."""
        columns = [
            _pandas_column("task_index", "int64", "int64"),
            _pandas_column("task", "unicode", "object"),
        ]
        described = {
            "index_columns": ["task"],
            "column_indexes": [],
            "columns": columns,
            "pandas_version": "2.0.0",
        }
        table = pa.table({"task_index": pa.array([0], pa.int64()), "task": [self.task]})
        return table.replace_schema_metadata({"pandas": json.dumps(described)})


def place_of(file: int) -> dict[str, int]:
    """In which chunk, and which of its files, the file of this number is."""
    return dict(zip(("chunk_index", "file_index"), divmod(file, CHUNK_FILES), strict=True))


def arrow_column(values: np.ndarray) -> pa.Array:
    """A column of rows [R, D]: lists of D numbers, or the numbers themselves where D is 1."""
    flat = pa.array(values.reshape(-1))
    width = values.shape[1]
    return flat if width == 1 else pa.FixedSizeListArray.from_arrays(flat, width)


def _video(shape: tuple[int, ...], fps: int) -> dict[str, Any]:
    height, width, channels = shape
    described = {
        "video.height": height,
        "video.width": width,
        "video.codec": "h264",
        "video.pix_fmt": PIXEL_FORMAT,
        "video.is_depth_map": False,
        "video.fps": fps,
        "video.channels": channels,
        "has_audio": False,
    }
    return {
        "dtype": "video",
        "shape": [height, width, channels],
        "names": ["height", "width", "channels"],
        "info": described,
    }


def _vector(components: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    """LeRobot knows no units; they stand where it keeps what it does not read."""
    names, units = zip(*components, strict=True)
    return {"dtype": "float32", "shape": [len(names)], "names": list(names), "info": {"units": list(units)}}


def _scalar(kind: str) -> dict[str, Any]:
    return {"dtype": kind, "shape": [1], "names": None}


def _pandas_column(name: str, pandas_type: str, numpy_type: str) -> dict[str, Any]:
    return {
        "name": name,
        "field_name": name,
        "pandas_type": pandas_type,
        "numpy_type": numpy_type,
        "metadata": None,
    }
