"""Message classes by their type string, as profiles name them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from wm_ros.messages.command import check_command, fill_command
from wm_ros.messages.stamp import fill_stamp
from wm_ros.robots.profile import RobotProfile


def message_class(name: str) -> type:
    """The class of `std_msgs/msg/Float64MultiArray`; LookupError saying what is missing."""
    parts = name.split("/")
    if len(parts) != 3 or parts[1] != "msg":
        raise LookupError(f"{name!r} is no message type: write it as package/msg/Type")
    package, _, kind = parts
    try:
        module = import_module(f"{package}.msg")
    except ImportError as error:
        raise LookupError(
            f"message package {package} cannot be imported ({error}): source the workspace that builds it"
        ) from error
    if not hasattr(module, kind):
        raise LookupError(f"message package {package} has no type {kind}")
    return getattr(module, kind)


def command_message(profile: RobotProfile) -> Any:
    """A blank command message with a place for every component; CommandError where the profile does not fit.

    A trajectory gets the one point that velocities or positions are written to, one command period ahead. A pose has
    no places for components.
    """
    message = message_class(profile.command.type)()
    if profile.kind == "pose":
        return message
    if isinstance(getattr(message, "points", None), list):
        point = message_class("trajectory_msgs/msg/JointTrajectoryPoint")()
        fill_stamp(point.time_from_start, round(1e9 / profile.command.rate_hz))
        message.points.append(point)
    check_command(message, profile)
    return fill_command(message, np.zeros(len(profile.action)), profile, 0)
