"""Camera messages to RGB arrays and back, with one copy at most and no cv_bridge for the common encodings.

16-bit values are divided by 257 (65535 -> 255), as cv_bridge does; floats are grey in 0..1. These scales are
fixed, never taken from the frame's own range: the same scene is always the same picture.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from wm_ros.messages.compressed import MAX_PIXELS, ImageError, decode_picture, require_size
from wm_ros.messages.sequence import store


@dataclass(frozen=True)
class _Layout:
    """How one encoding lies in memory, and the OpenCV code that makes RGB of it (None: it is RGB or grey)."""

    dtype: str
    channels: int
    code: int | None = None
    planar: bool = False  # half-size colour rows follow the grey rows


_LAYOUTS = {
    "rgb8": _Layout("u1", 3),
    "bgr8": _Layout("u1", 3, cv2.COLOR_BGR2RGB),
    "rgba8": _Layout("u1", 4, cv2.COLOR_RGBA2RGB),
    "bgra8": _Layout("u1", 4, cv2.COLOR_BGRA2RGB),
    "rgb16": _Layout("u2", 3),
    "bgr16": _Layout("u2", 3, cv2.COLOR_BGR2RGB),
    "rgba16": _Layout("u2", 4, cv2.COLOR_RGBA2RGB),
    "bgra16": _Layout("u2", 4, cv2.COLOR_BGRA2RGB),
    "mono8": _Layout("u1", 1, cv2.COLOR_GRAY2RGB),
    "mono16": _Layout("u2", 1, cv2.COLOR_GRAY2RGB),
    # Nameless channels come from OpenCV programs, whose order is BGR.
    "8UC1": _Layout("u1", 1, cv2.COLOR_GRAY2RGB),
    "8UC3": _Layout("u1", 3, cv2.COLOR_BGR2RGB),
    "8UC4": _Layout("u1", 4, cv2.COLOR_BGRA2RGB),
    "16UC1": _Layout("u2", 1, cv2.COLOR_GRAY2RGB),
    "32FC1": _Layout("f4", 1, cv2.COLOR_GRAY2RGB),
    # OpenCV names a Bayer pattern by its second row, ROS by its first.
    "bayer_rggb8": _Layout("u1", 1, cv2.COLOR_BayerBG2RGB),
    "bayer_bggr8": _Layout("u1", 1, cv2.COLOR_BayerRG2RGB),
    "bayer_gbrg8": _Layout("u1", 1, cv2.COLOR_BayerGR2RGB),
    "bayer_grbg8": _Layout("u1", 1, cv2.COLOR_BayerGB2RGB),
    "bayer_rggb16": _Layout("u2", 1, cv2.COLOR_BayerBG2RGB),
    "bayer_bggr16": _Layout("u2", 1, cv2.COLOR_BayerRG2RGB),
    "bayer_gbrg16": _Layout("u2", 1, cv2.COLOR_BayerGR2RGB),
    "bayer_grbg16": _Layout("u2", 1, cv2.COLOR_BayerGB2RGB),
    "yuv422": _Layout("u1", 2, cv2.COLOR_YUV2RGB_UYVY),
    "uyvy": _Layout("u1", 2, cv2.COLOR_YUV2RGB_UYVY),
    "yuv422_yuy2": _Layout("u1", 2, cv2.COLOR_YUV2RGB_YUY2),
    "yuyv": _Layout("u1", 2, cv2.COLOR_YUV2RGB_YUY2),
    "nv12": _Layout("u1", 1, cv2.COLOR_YUV2RGB_NV12, planar=True),
    "nv21": _Layout("u1", 1, cv2.COLOR_YUV2RGB_NV21, planar=True),
}


def decode_image(msg: Any, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """RGB picture [H, W, 3] uint8, C-contiguous, of a sensor_msgs Image or CompressedImage.

    A read-only view of the message's own bytes where they are rgb8 without padding; else one conversion. The pixels
    stay as they lie, whatever an orientation flag says. Raises ImageError for unknown encodings, for bytes that do not
    match the header, and for more than `max_pixels` pixels.
    """
    if hasattr(msg, "format"):
        return _decompress(msg, max_pixels)
    require_size(_name(msg), int(msg.width), int(msg.height), max_pixels)
    layout = _LAYOUTS.get(msg.encoding)
    if layout is None:
        return _by_cv_bridge(msg)
    pixels = _pixels(msg, layout)
    if pixels.dtype.kind == "f":
        pixels = _grey_of_unit_float(pixels)
    try:
        if layout.code is not None:
            pixels = cv2.cvtColor(np.ascontiguousarray(pixels), layout.code)
    except cv2.error as error:
        raise ImageError(f"{_name(msg)} cannot be converted to RGB: {error}") from error
    if pixels.dtype == np.uint16:
        pixels = ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    pixels = np.ascontiguousarray(pixels)
    pixels.setflags(write=False)
    return pixels


def view_pixels(msg: Any) -> np.ndarray:
    """Raw values [H, W] or [H, W, C] of an Image without conversion, in native byte order, read-only."""
    layout = _LAYOUTS.get(msg.encoding)
    if layout is None:
        raise ImageError(_unknown(msg.encoding))
    return _pixels(msg, layout)


def read_picture(path: Path) -> np.ndarray:
    """RGB picture [H, W, 3] uint8 of a picture file, turned upright as its orientation flag says.

    Raises ImageError when it is none.
    """
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
        return decode_picture(data, f"a file of {data.size} bytes", upright=True)
    except (OSError, ImageError) as error:
        raise ImageError(f"picture {path} cannot be read: {error}") from error


def spare_bytes(msg: Any) -> int:
    """How many bytes of data an Image has beyond its rows; they are ignored. 0 for a CompressedImage."""
    layout = None if hasattr(msg, "format") else _LAYOUTS.get(msg.encoding)
    if layout is None:
        return 0
    return max(0, _bytes_of(msg).size - int(msg.step) * _rows(layout, int(msg.height)))


def fill_image(msg: Any, array: np.ndarray, encoding: str = "rgb8") -> Any:
    """Write an array [H, W] or [H, W, C] into an Image's size, encoding and data, with one copy; returns it.

    The header is left alone. An array that is not C-contiguous is copied once more. Raises ImageError when
    the array does not have the encoding's type and channels: values are never converted here.
    """
    layout = _LAYOUTS.get(encoding)
    if layout is None or layout.planar:
        known = ", ".join(name for name, layout in _LAYOUTS.items() if not layout.planar)
        raise ImageError(f"cannot write encoding {encoding!r}; known: {known}")
    channels = 1 if array.ndim == 2 else array.shape[-1]
    fits = array.ndim in (2, 3) and channels == layout.channels and array.size > 0
    if not fits or array.dtype != np.dtype(layout.dtype):
        wanted = f"[H, W, {layout.channels}]" if layout.channels > 1 else "[H, W]"
        raise ImageError(
            f"encoding {encoding} takes a non-empty {np.dtype(layout.dtype).name} array {wanted}, "
            f"got {array.dtype} {list(array.shape)}"
        )
    array = np.ascontiguousarray(array)
    msg.height, msg.width = array.shape[:2]
    msg.encoding = encoding
    msg.is_bigendian = int(sys.byteorder == "big")
    msg.step = array.nbytes // msg.height
    store(msg, "data", array.reshape(-1).view(np.uint8))
    return msg


def _bytes_of(msg: Any) -> np.ndarray:
    data = msg.data
    return data.view(np.uint8).reshape(-1) if isinstance(data, np.ndarray) else np.frombuffer(data, np.uint8)


def _rows(layout: _Layout, height: int) -> int:
    return height * 3 // 2 if layout.planar else height


def _pixels(msg: Any, layout: _Layout) -> np.ndarray:
    height, width, step = int(msg.height), int(msg.width), int(msg.step)
    dtype = np.dtype(layout.dtype).newbyteorder(">" if msg.is_bigendian else "<")
    row = width * layout.channels * dtype.itemsize
    if height < 1 or width < 1:
        raise ImageError(f"{_name(msg)} is empty: check the camera driver's resolution")
    if step < row:
        raise ImageError(
            f"{_name(msg)}: step is {step} bytes but a row of this encoding has {row}: "
            "the driver's step or encoding is wrong"
        )
    shared = (2, 2) if layout.planar else (1, 2 if layout.channels == 2 else 1)
    if height % shared[0] or width % shared[1]:
        raise ImageError(f"{_name(msg)}: pairs of pixels share their colour here: make the size even")
    rows = _rows(layout, height)
    data = _bytes_of(msg)
    if data.size < step * rows:
        raise ImageError(
            f"{_name(msg)}: {data.size} bytes of data, expected step {step} x {rows} rows = {step * rows}: "
            "the image is truncated, or the driver's step or encoding is wrong"
        )
    item = dtype.itemsize
    pixels: np.ndarray = np.ndarray(
        (rows, width, layout.channels), dtype, buffer=data, strides=(step, layout.channels * item, item)
    )
    pixels.setflags(write=False)
    if layout.channels == 1:
        pixels = pixels[..., 0]
    return pixels if dtype.isnative else pixels.astype(dtype.newbyteorder("="))


def _grey_of_unit_float(pixels: np.ndarray) -> np.ndarray:
    # NaN marks pixels without a reading in depth images: black.
    unit: np.ndarray = np.nan_to_num(np.clip(pixels, 0.0, 1.0), nan=0.0)
    return (unit * 255.0 + 0.5).astype(np.uint8)


def _decompress(msg: Any, max_pixels: int) -> np.ndarray:
    data = _bytes_of(msg)
    name = f"compressed image of {data.size} bytes, format {msg.format!r},"
    # compressed_image_transport writes "SOURCE; jpeg compressed TARGET", where a Bayer camera may be in colour.
    source, _, target = msg.format.partition("compressed")
    if "compressedDepth" in msg.format or (
        source.startswith("bayer") and not target.strip().startswith(("bgr", "rgb"))
    ):
        raise ImageError(f"{name} is not a colour picture: subscribe to a colour topic")
    return decode_picture(data, name, max_pixels=max_pixels)


def _by_cv_bridge(msg: Any) -> np.ndarray:
    try:
        from cv_bridge import CvBridge, CvBridgeError
    except ImportError:
        raise ImageError(_unknown(msg.encoding)) from None
    try:
        picture = np.ascontiguousarray(CvBridge().imgmsg_to_cv2(msg, "rgb8"))
    except (CvBridgeError, cv2.error, TypeError, ValueError) as error:
        raise ImageError(f"{_name(msg)}: cv_bridge cannot convert it to rgb8: {error}") from error
    picture.setflags(write=False)
    return picture


def _unknown(encoding: str) -> str:
    return (
        f"unknown image encoding {encoding!r}; known: {', '.join(_LAYOUTS)}. "
        "Set the camera driver to one of these, or install cv_bridge (ros-<distro>-cv-bridge)"
    )


def _name(msg: Any) -> str:
    return f"image {msg.width}x{msg.height} {msg.encoding}"
