"""Pictures of several cameras as one: their centre squares side by side, in the order of the robot's profile.

So whatever takes a picture of one camera (a recording, a goal, a view for people) takes what several cameras saw.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from wm_ros.messages.compressed import ImageError


def joined(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """One picture [S, C * S, 3] of C pictures [H, W, 3] uint8; S is the shortest side of all. One stays as it is."""
    if len(pictures) == 1:
        return pictures[0]
    side = min(min(picture.shape[:2]) for picture in pictures)
    return np.concatenate([centre_square(picture, side) for picture in pictures], axis=1)


def split(picture: np.ndarray, count: int) -> list[np.ndarray]:
    """The pictures [S, S, 3] of `count` cameras in one that is [S, count * S, 3]; of one camera it is any.

    Raises ImageError for a picture of another shape.
    """
    if count == 1:
        return [picture]
    height, width = picture.shape[:2]
    if width != count * height:
        raise ImageError(
            f"a picture of {count} cameras shows their squares side by side, {count * height}x{height} at this height, "
            f"and this one is {width}x{height}: `~/capture_goal` makes such goals, and so does `wm_ros drive` "
            "of a folder for each camera"
        )
    return np.split(picture, count, axis=1)


def squares(picture: np.ndarray, count: int, side: int) -> np.ndarray:
    """The picture with what each of `count` cameras saw cropped to its centre square and shrunk to `side` pixels."""
    return joined([centre_square(view, side) for view in split(picture, count)])


def centre_square(picture: np.ndarray, side: int) -> np.ndarray:
    """The centre square of a picture [H, W, 3], shrunk to `side` pixels."""
    height, width = picture.shape[:2]
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    square = picture[top : top + short, left : left + short]
    return square if short == side else cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA)
