"""Small videos and LeRobot datasets for tests, laid out as other programs lay them out."""

from __future__ import annotations

import json
from pathlib import Path

import av
import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

KEY = "observation.images.front"
CODECS = {"webm": ("libvpx-vp9", "yuv420p"), "avi": ("mjpeg", "yuvj420p"), "mkv": ("ffv1", "yuv420p")}
# So that greys keep their values.
FINE = {
    "mpeg4": {"qmin": "1", "qmax": "2"},
    "libx264": {"crf": "8"},
    "libx265": {"crf": "8", "x265-params": "log-level=error"},
    "libsvtav1": {"crf": "8", "preset": "10"},
}


def greys(count: int, first: int = 0, height: int = 32, width: int = 48) -> np.ndarray:
    """Pictures [count, H, W, 3], each of one grey, 5 brighter than the one before."""
    levels = (first + 5 * np.arange(count)).astype(np.uint8)
    return np.broadcast_to(levels[:, None, None, None], (count, height, width, 3))


def write_video(
    path: Path, frames: np.ndarray, rate: int = 10, ticks: list[int] | None = None, codec: str = "mpeg4"
) -> Path:
    """A video in the container of the suffix; `ticks` are the frames' times in periods, instead of 0, 1, 2 ...

    codec: of an mp4; others have one of their own.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    codec, pixels = CODECS.get(path.suffix[1:], (codec, "yuv420p"))
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=FINE.get(codec, {}))
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pixels
        for number, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts = number if ticks is None else ticks[number]
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_lerobot(
    root: Path,
    version: str,
    episodes: list[np.ndarray],
    actions: list[np.ndarray] | None = None,
    names: object = ("shoulder", "elbow"),
    cameras: tuple[str, ...] = (KEY,),
    images: bool = False,
    rate: int = 10,
    codec: str = "mpeg4",
    per_file: int = 1000,
    states: dict[str, tuple[object, list[np.ndarray]]] | None = None,
    **info: object,
) -> Path:
    """A dataset of these episodes of frames; v2.x has a file for each, v3 one for all. `info` overrides info.json.

    states: more features of vectors, by name: the names of their components, and rows [R, S] of each episode.
    per_file: episodes in a file of v3; every two files of tables, videos and episodes then are a chunk.
    """
    v2x, lengths = version in ("v2.0", "v2.1"), [len(frames) for frames in episodes]
    features = {
        "timestamp": {"dtype": "float32", "shape": [1], "names": None},
        "frame_index": {"dtype": "int64", "shape": [1], "names": None},
        "episode_index": {"dtype": "int64", "shape": [1], "names": None},
    }
    for key in cameras:
        shape, axes = list(episodes[0].shape[1:]), ["height", "width", "channels"]
        features[key] = {"dtype": "image" if images else "video", "shape": shape, "names": axes}
    if actions is not None:
        names = list(names) if isinstance(names, tuple) else names
        features["action"] = {"dtype": "float32", "shape": [actions[0].shape[1]], "names": names}
    states = states or {}
    for key, (components, rows) in states.items():
        features[key] = {"dtype": "float32", "shape": [rows[0].shape[1]], "names": components}
    described = {
        "codebase_version": version,
        "robot_type": "arm",
        "total_episodes": len(episodes),
        "total_frames": sum(lengths),
        "chunks_size": 1000,
        "fps": rate,
        "data_path": "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet"
        if v2x
        else "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "video_path": "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4"
        if v2x
        else "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
        "features": features,
    }
    (root / "meta").mkdir(parents=True)
    (root / "data" / "chunk-000").mkdir(parents=True)
    (root / "meta" / "info.json").write_text(json.dumps({**described, **info}))

    tables = []
    for number, frames in enumerate(episodes):
        columns = {
            "timestamp": pa.array(np.arange(len(frames)) / rate, pa.float32()),
            "frame_index": pa.array(range(len(frames)), pa.int64()),
            "episode_index": pa.array([number] * len(frames), pa.int64()),
        }
        if actions is not None:
            flat = [row[0] for row in actions[number].tolist()]
            wide = actions[number].shape[1] > 1
            columns["action"] = pa.array(
                actions[number].tolist() if wide else flat, pa.list_(pa.float32()) if wide else pa.float32()
            )
        for key, (_, rows) in states.items():
            columns[key] = pa.array(rows[number].tolist(), pa.list_(pa.float32()))
        if images:
            columns[cameras[0]] = pa.array(
                [{"bytes": cv2.imencode(".png", picture)[1].tobytes(), "path": None} for picture in frames]
            )
        tables.append(pa.table(columns))
    if v2x:
        for number, table in enumerate(tables):
            pq.write_table(table, root / f"data/chunk-000/episode_{number:06d}.parquet")
        lines = [
            json.dumps({"episode_index": k, "tasks": ["move"], "length": n}) for k, n in enumerate(lengths)
        ]
        (root / "meta" / "episodes.jsonl").write_text("\n".join(lines) + "\n")
    else:
        for file, first in enumerate(range(0, len(episodes), per_file)):
            _write_v3_file(root, file, slice(first, first + per_file), tables, lengths, cameras, images, rate)
    for key in cameras if not images else ():
        if v2x:
            for number, frames in enumerate(episodes):
                path = root / f"videos/chunk-000/{key}/episode_{number:06d}.mp4"
                write_video(path, frames, rate, codec=codec)
        else:
            for file, first in enumerate(range(0, len(episodes), per_file)):
                path = root / f"videos/{key}/{_place(file)}.mp4"
                write_video(path, np.concatenate(episodes[first : first + per_file]), rate, codec=codec)
    return root


def _place(file: int) -> str:
    return "chunk-{:03d}/file-{:03d}".format(*divmod(file, 2))


def _write_v3_file(
    root: Path,
    file: int,
    part: slice,
    tables: list[pa.Table],
    lengths: list[int],
    cameras: tuple[str, ...],
    images: bool,
    rate: int,
) -> None:
    """The rows and the metadata of some episodes."""
    ends = np.cumsum(lengths[part])
    chunk, number = divmod(file, 2)
    columns = {"episode_index": list(range(len(lengths)))[part], "length": lengths[part]}
    for key in cameras if not images else ():
        columns[f"videos/{key}/chunk_index"] = [chunk] * len(ends)
        columns[f"videos/{key}/file_index"] = [number] * len(ends)
        columns[f"videos/{key}/from_timestamp"] = (ends - lengths[part]) / rate
        columns[f"videos/{key}/to_timestamp"] = ends / rate
    described = pa.table({name: pa.array(values) for name, values in columns.items()})
    for folder, table in (("data", pa.concat_tables(tables[part])), ("meta/episodes", described)):
        path = root / folder / f"{_place(file)}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path)
