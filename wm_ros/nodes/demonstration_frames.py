"""The frames of a demonstration as they arrive, one message each."""

from __future__ import annotations

import re

import numpy as np
from sensor_msgs.msg import Image

from wm_ros.messages.compressed import ImageError
from wm_ros.messages.image import decode_image
from wm_ros.messages.picture_folder import size_of
from wm_ros.messages.stamp import to_ns
from wm_ros.ros.qos import MOST_FRAMES

PLACE = re.compile(r"([0-9]{1,4})/([0-9]{1,4})")


class DemonstrationFrames:
    """Called with each message, gives all of a demonstration when it is the last one, and None before.

    All of them have one stamp, by which whoever sent them knows that they were taken, and say in `frame_id` which of
    how many each is, `3/48`. A frame with another stamp begins another demonstration. Raises ImageError for one that
    does not say so, or that is no picture, or of another size.
    """

    def __init__(self) -> None:
        self._stamp_ns = -1
        self._frames: dict[int, Image] = {}
        self._first: np.ndarray | None = None  # decoded

    def __call__(self, message: Image) -> list[Image] | None:
        place = PLACE.fullmatch(message.header.frame_id)
        number, count = (int(part) for part in place.groups()) if place else (0, 0)
        if not 1 <= number <= count or not 2 <= count <= MOST_FRAMES:
            raise ImageError(
                f"a frame of a demonstration says in frame_id which of how many it is, from `1/2` to "
                f"`{MOST_FRAMES}/{MOST_FRAMES}`, and this one says {message.header.frame_id!r}"
            )
        stamp_ns = to_ns(message.header.stamp)
        picture = decode_image(message)
        if stamp_ns != self._stamp_ns:
            self._stamp_ns, self._frames, self._first = stamp_ns, {}, None
        if self._first is None:
            self._first = picture
        elif picture.shape != self._first.shape:
            raise ImageError(
                f"frame {number} of a demonstration has {size_of(picture)} pixels, another one {size_of(self._first)}"
            )
        self._frames[number] = message
        if len(self._frames) < count:
            return None
        frames = [self._frames[one] for one in sorted(self._frames)]
        self._frames, self._first = {}, None
        return frames
