"""Image conversion between messages and arrays, against the assignments that come to mind first."""

from __future__ import annotations

import array
import statistics
import time
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np

from wm_ros.messages.image import decode_image, fill_image

REPEATS, CALLS = 9, 5


def compare(width: int = 640, height: int = 480) -> dict[str, dict[str, float]]:
    """Median milliseconds of ours, the straightforward way and the floor (one copy of the pixels), in turns."""
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    message = fill_image(_message(), pixels)

    def straightforward_fill() -> None:
        _message().data.extend(pixels.ravel())

    def straightforward_decode() -> np.ndarray:
        return np.array(list(message.data), dtype=np.uint8).reshape(height, width, 3)

    one_copy = pixels.copy
    return {
        "array to message": _row(lambda: fill_image(_message(), pixels), straightforward_fill, one_copy),
        "message to array": _row(lambda: decode_image(message), straightforward_decode, one_copy),
    }


def _message() -> SimpleNamespace:
    """The fields of sensor_msgs/Image, so that this runs without ROS."""
    return SimpleNamespace(width=0, height=0, step=0, encoding="", is_bigendian=0, data=array.array("B"))


def _row(ours: Callable, straightforward: Callable, floor: Callable) -> dict[str, float]:
    times: dict[str, list[float]] = {"ours_ms": [], "straightforward_ms": [], "one_copy_ms": []}
    for _ in range(REPEATS):
        for series, action in zip(times.values(), (ours, straightforward, floor), strict=True):
            started = time.perf_counter()
            for _ in range(CALLS):
                action()
            series.append(1000.0 * (time.perf_counter() - started) / CALLS)
    row = {name: round(statistics.median(series), 4) for name, series in times.items()}
    row["ratio"] = round(row["straightforward_ms"] / row["ours_ms"], 1)
    return row
