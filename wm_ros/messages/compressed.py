"""Compressed pictures (JPEG, PNG, WebP, TIFF) to RGB arrays, their size looked at before anything is decoded.

A picture of a few kilobytes can claim gigabytes of pixels, and a decoder fills what is missing of a cut file with
grey: both are refused by the file's own structure. Bytes after the end of a picture are ignored, since cameras pad
their frames to the size of a buffer.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

import cv2
import numpy as np

MAX_PIXELS = 16_000_000  # of a picture, unless somebody says otherwise


class ImageError(ValueError):
    """An image message that cannot be read; the text names what was found, what was expected and the fix."""


def decode_picture(
    data: np.ndarray, name: str, upright: bool = False, max_pixels: int = MAX_PIXELS
) -> np.ndarray:
    """RGB picture [H, W, 3] uint8, read-only, of the bytes [N] of a JPEG, PNG, WebP or TIFF.

    name: the picture's, for errors. upright: turn it as its orientation flag says, as for a photograph that a person
    gives; the pixels of a camera's frames stay as they lie. Raises ImageError when the picture is cut off, is none, or
    has more than `max_pixels`.
    """
    if data.size == 0:
        raise ImageError(f"{name} is empty: check the camera driver")
    raw = data.tobytes()
    kind = next((kind for kind, is_one in _SIGNATURES.items() if is_one(raw)), None)
    if kind is None:
        raise ImageError(
            f"{name} is not a JPEG, PNG, WebP or TIFF: it begins with the bytes {raw[:8].hex(' ')}"
        )
    try:
        width, height = _SIZES[kind](raw)
    except (struct.error, IndexError):
        raise ImageError(f"{name} is a truncated or broken {kind}: its header names no size") from None
    require_size(name, width, height, max_pixels)
    if not _WHOLE[kind](raw):
        raise ImageError(f"{name} is a truncated {kind} (no end marker)")
    try:
        flags = cv2.IMREAD_COLOR | (0 if upright else cv2.IMREAD_IGNORE_ORIENTATION)
        picture = cv2.imdecode(data, flags)
    except cv2.error as error:
        raise ImageError(f"{name} cannot be decoded: {error}") from error
    if picture is None:
        raise ImageError(f"{name} is not a {kind} that OpenCV can decode")
    picture = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
    picture.setflags(write=False)
    return picture


def require_size(name: str, width: int, height: int, max_pixels: int = MAX_PIXELS) -> None:
    """Raise ImageError when a picture claims no pixels, or more than `max_pixels`."""
    if width < 1 or height < 1:
        raise ImageError(f"{name} is empty: check the camera driver's resolution")
    if width * height > max_pixels:
        raise ImageError(
            f"{name} claims {width} x {height} = {width * height / 1e6:.1f} megapixels, above the limit of "
            f"{max_pixels / 1e6:g}: lower the camera's resolution; nodes have the parameter `max_image_megapixels`"
        )


def _jpeg_segments(raw: bytes) -> tuple[tuple[int, int] | None, int]:
    """Width and height of a JPEG, and where its entropy-coded data begins (0: nowhere)."""
    size, at = None, 2
    while True:
        while raw[at] == 0xFF and raw[at + 1] == 0xFF:  # fill bytes before a marker
            at += 1
        if raw[at] != 0xFF:
            return size, 0
        marker, (length,) = raw[at + 1], struct.unpack_from(">H", raw, at + 2)
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", raw, at + 5)
            size = width, height
        at += 2 + length
        if marker == 0xDA:
            return size, at


def _jpeg_size(raw: bytes) -> tuple[int, int]:
    size, _ = _jpeg_segments(raw)
    if size is None:
        raise IndexError
    return size


def _jpeg_whole(raw: bytes) -> bool:
    # Not before the scan: a thumbnail in the header has an end marker of its own.
    _, scan = _jpeg_segments(raw)
    return scan > 0 and raw.find(b"\xff\xd9", scan) >= 0


def _png_size(raw: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from(">II", raw, 16)
    return width, height


def _png_whole(raw: bytes) -> bool:
    at = 8
    while at + 12 <= len(raw):
        (length,) = struct.unpack_from(">I", raw, at)
        if raw[at + 4 : at + 8] == b"IEND":
            return True
        at += 12 + length
    return False


def _webp_size(raw: bytes) -> tuple[int, int]:
    kind = raw[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(raw[24:27], "little"), 1 + int.from_bytes(raw[27:30], "little")
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", raw, 21)
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack_from("<HH", raw, 26)
    return width & 0x3FFF, height & 0x3FFF


def _webp_whole(raw: bytes) -> bool:
    return len(raw) >= 8 + int.from_bytes(raw[4:8], "little")


def _tiff_size(raw: bytes) -> tuple[int, int]:
    order = "<" if raw[:2] == b"II" else ">"
    (at,) = struct.unpack_from(order + "I", raw, 4)
    (count,) = struct.unpack_from(order + "H", raw, at)
    found: dict[int, int] = {}
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        tag, kind = struct.unpack_from(order + "HH", raw, entry)
        if tag in (256, 257):
            (found[tag],) = struct.unpack_from(order + ("H" if kind == 3 else "I"), raw, entry + 8)
    if len(found) < 2:
        raise IndexError
    return found[256], found[257]


_SIGNATURES: dict[str, Callable[[bytes], bool]] = {
    "JPEG": lambda raw: raw.startswith(b"\xff\xd8"),
    "PNG": lambda raw: raw.startswith(b"\x89PNG"),
    "WebP": lambda raw: raw.startswith(b"RIFF") and raw[8:12] == b"WEBP",
    "TIFF": lambda raw: raw[:4] in (b"II*\0", b"MM\0*"),
}
_SIZES = {"JPEG": _jpeg_size, "PNG": _png_size, "WebP": _webp_size, "TIFF": _tiff_size}
_WHOLE: dict[str, Callable[[bytes], bool]] = {
    "JPEG": _jpeg_whole,
    "PNG": _png_whole,
    "WebP": _webp_whole,
    "TIFF": lambda raw: True,  # its parts lie anywhere; the decoder refuses one that lacks some
}
