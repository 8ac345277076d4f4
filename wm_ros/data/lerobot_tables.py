"""Columns out of the tables of a LeRobot set: numbers as arrays, pictures one by one, or what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from wm_ros.data.file_kinds import well_known
from wm_ros.data.recording import RecordingError
from wm_ros.messages.compressed import ImageError, decode_picture

ACTION, STATE = "action", "observation.state"
IMAGES_AT_ONCE = 16
LONGEST_S = 4e9  # stamps are counted in ns, in 64 bits


def read_table(file: Path, columns: set[str], if_there: frozenset[str] = frozenset()) -> pa.Table:
    """These columns of a table, and others if it has them; RecordingError when it is broken or lacks one."""
    try:
        with pq.ParquetFile(file) as table:
            there = set(table.schema_arrow.names)
            missing = columns - there
            if missing:
                raise RecordingError(f"{file} lacks the columns {', '.join(sorted(missing))}")
            return table.read(sorted(columns | (if_there & there)))
    except (pa.ArrowException, OSError) as error:
        what = well_known(file) or f"cannot be read: {error}; was it downloaded whole?"
        raise RecordingError(f"{file} {what}") from error


def whole_numbers(file: Path, table: pa.Table, name: str) -> np.ndarray:
    """A column [R] of int64; RecordingError when it holds anything else."""
    return _numbers(file, table, name, pa.int64())


def times(file: Path, table: pa.Table) -> np.ndarray:
    """The column `timestamp` [R] in s, float64; RecordingError when one is no time."""
    found = _numbers(file, table, "timestamp", pa.float64())
    wrong = np.flatnonzero(~(np.abs(found) < LONGEST_S))
    if len(wrong):
        raise RecordingError(f"{file}: timestamp {found[wrong[0]]} of row {wrong[0]} is no time in seconds")
    return found


def row_numbers(file: Path, table: pa.Table, part: slice) -> np.ndarray:
    """Which row of its episode each of `part` is [R], from 0: rows may have been taken out.

    Counted where there is no column `frame_index`, or it does not count.
    """
    counted = np.arange(part.stop - part.start)
    if "frame_index" not in table.column_names:
        return counted
    try:
        numbers = whole_numbers(file, table, "frame_index")[part]
    except RecordingError:
        return counted
    counts = numbers[0] >= 0 and (np.diff(numbers) > 0).all()
    return numbers if counts else counted


def vectors(file: Path, table: pa.Table, name: str, columns: list[int]) -> np.ndarray:
    """Rows [R, A] in the profile's order of a column of vectors, where `columns` are the places; without one: NaN."""
    width = max(columns) + 1
    blank = [np.nan] * width
    rows = table[name].to_pylist()
    try:
        values = np.array(
            [blank if row is None else np.atleast_1d(row)[:width] for row in rows], dtype=np.float64
        )
        return values.reshape(len(rows), width)[:, columns]
    except (TypeError, ValueError) as error:
        raise RecordingError(
            f"{file}: column {name} does not hold {width} numbers or more, as info.json says: {error}"
        ) from error


def images(root: Path, file: Path, camera: str) -> Iterator[np.ndarray | None]:
    """The pictures of a table row by row, None where one cannot be decoded."""
    with pq.ParquetFile(file) as table:
        if camera not in table.schema_arrow.names:
            raise RecordingError(f"{file} lacks the column {camera}")
        for batch in table.iter_batches(IMAGES_AT_ONCE, columns=[camera]):
            for entry in batch.column(0).to_pylist():
                yield _decoded(_encoded(root, entry))


def _numbers(file: Path, table: pa.Table, name: str, kind: pa.DataType) -> np.ndarray:
    column = table[name]
    try:
        if column.null_count:
            raise RecordingError(
                f"{file}: column {name} lacks {column.null_count} of its {len(column)} values"
            )
        return column.cast(kind).to_numpy()
    except pa.ArrowException as error:
        raise RecordingError(f"{file}: column {name} holds {column.type} and not {kind}: {error}") from error


def _encoded(root: Path, entry: Any) -> bytes | None:
    """A picture as it was written: the bytes themselves, or a file beside the tables."""
    if not isinstance(entry, dict):
        return None
    data, name = entry.get("bytes"), entry.get("path")
    if data is None and isinstance(name, str) and (root / name).is_file():
        return (root / name).read_bytes()
    return data if isinstance(data, bytes) else None


def _decoded(data: bytes | None) -> np.ndarray | None:
    if not data:
        return None
    try:
        return decode_picture(np.frombuffer(data, np.uint8), f"a picture of {len(data)} bytes in a table")
    except ImageError:
        return None  # counted by the caller among the frames that are lost
