"""Entries of a profile's YAML: each is what it should be, or a ProfileError names it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


class ProfileError(ValueError):
    """A robot profile that must not drive a robot; the message names the entry, its value and the rule."""


def require_mapping(value: Any, path: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ProfileError(f"{path} must be a mapping, got {value!r}")
    return value


def reject_unknown(data: Mapping[str, Any], known: set[str], path: str) -> None:
    unknown = sorted(str(key) for key in set(data) - known)
    if unknown:
        raise ProfileError(f"{path} has unknown entries {unknown}; known: {sorted(known)}")


def require_text(value: Any, path: str) -> str:
    if not isinstance(value, str) or not value:
        raise ProfileError(f"{path} must be a non-empty text, got {value!r}")
    return value


def require_finite(value: Any, path: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ProfileError(f"{path} must be a finite number, got {value!r}")
    try:
        number = float(value)
    except OverflowError:  # an integer of hundreds of digits
        number = math.inf
    if not math.isfinite(number):
        raise ProfileError(f"{path} must be a finite number, got {number}")
    return number


def require_positive(value: Any, path: str) -> float:
    number = require_finite(value, path)
    if number <= 0.0:
        raise ProfileError(f"{path} must be greater than 0, got {number}")
    return number
