"""A folder of pictures in the order of their names, `2.png` before `10.png`."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from wm_ros.messages.compressed import ImageError
from wm_ros.messages.image import read_picture

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff")


def read_pictures(folder: Path) -> list[tuple[str, np.ndarray]]:
    """Names and RGB pictures [H, W, 3] uint8 of all picture files in a folder; other files are left alone.

    Raises ImageError when there is none, when one cannot be read, and when they are not all of one size: pictures of
    one camera are, and one of another would be cropped to another part of the scene.
    """
    if not folder.is_dir():
        raise ImageError(f"{folder} is not a folder of pictures")
    files = sorted((path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES), key=_by_number)
    if not files:
        raise ImageError(f"{folder} holds no picture ({', '.join(SUFFIXES)})")
    pictures = [(file.name, read_picture(file)) for file in files]
    first_name, first = pictures[0]
    for name, picture in pictures:
        if picture.shape != first.shape:
            raise ImageError(
                f"{folder / name} has {size_of(picture)} pixels and {first_name} has {size_of(first)}: goals are "
                "pictures of the robot's own camera, all of its size"
            )
    return pictures


def size_of(picture: np.ndarray) -> str:
    """Width and height of a picture [H, W, 3], for people."""
    return f"{picture.shape[1]}x{picture.shape[0]}"


def _by_number(path: Path) -> list[tuple[int, str]]:
    parts = re.split(r"(\d+)", path.name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
