"""Number sequences of messages: rclpy keeps them in `array.array`, rosbags in numpy arrays."""

from __future__ import annotations

from array import array as pyarray
from typing import Any

import numpy as np


def store(msg: Any, field: str, values: np.ndarray) -> None:
    """Copy an array's values, once, into a sequence field, in the container the message already uses.

    Assigning the ndarray to an rclpy message would copy it element by element, a thousand times slower.
    """
    old = getattr(msg, field)
    if isinstance(old, np.ndarray):
        setattr(msg, field, np.array(values, dtype=old.dtype, copy=True).reshape(-1))
        return
    new = pyarray(old.typecode)
    contiguous = np.ascontiguousarray(values, dtype=np.dtype(old.typecode))
    new.frombytes(contiguous.reshape(-1).view(np.uint8).data)
    setattr(msg, field, new)
