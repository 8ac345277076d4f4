"""Blank messages of both kinds the package meets: rclpy's (live) and rosbags' (recorded)."""

from functools import cache
from typing import Any

import numpy as np
import pytest

KINDS = ("rclpy", "rosbags")


def blank(kind: str, name: str, **fields: Any) -> Any:
    """A message such as `sensor_msgs/msg/Image` with default values, then the given fields."""
    message = _rclpy(name) if kind == "rclpy" else _rosbags(name)
    for field, value in fields.items():
        setattr(message, field, value)
    return message


def with_bytes(kind: str, message: Any, data: bytes) -> Any:
    """The message with `data` held as that kind of message holds it."""
    if kind == "rclpy":
        message.data.frombytes(data)
    else:
        message.data = np.frombuffer(data, np.uint8)
    return message


def _rclpy(name: str) -> Any:
    package, _, kind = name.split("/")
    return getattr(pytest.importorskip(f"{package}.msg"), kind)()


@cache
def typestore() -> Any:
    """The message definitions rosbags reads bags with."""
    typesys = pytest.importorskip("rosbags.typesys")
    return typesys.get_typestore(typesys.Stores.ROS2_JAZZY)


def _rosbags(name: str) -> Any:
    store = typestore()
    return store.types[name](**{field: _default(*kind) for field, kind in store.fielddefs[name][1]})


def _default(node: Any, detail: Any) -> Any:
    if node.name == "NAME":
        return _rosbags(detail)
    if node.name == "BASE":
        return {"string": "", "bool": False, "float32": 0.0, "float64": 0.0}.get(detail[0], 0)
    (inner, inner_detail), _ = detail
    if inner.name == "BASE" and inner_detail[0] != "string":
        return np.zeros(0, inner_detail[0])
    return []
