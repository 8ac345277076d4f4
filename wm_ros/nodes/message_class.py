"""Message classes by their type string, as profiles name them."""

from __future__ import annotations

from importlib import import_module


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
