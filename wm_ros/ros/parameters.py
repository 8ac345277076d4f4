"""Node parameters as a table: name, default, description and bounds, declared and checked from one place."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node

Value = bool | int | float | str

READ_ONLY = "read at configure: clean up before changing it (without a lifecycle: restart the node)"


@dataclass(frozen=True)
class Parameter:
    """One node parameter.

    `range` (numbers) is inclusive, `choices` (texts) is the whole list. `read_only` means read at configure:
    it can be changed again after cleanup. A node without a lifecycle reads it at start, and never again.
    """

    name: str
    default: Value
    description: str
    range: tuple[float, float] | None = None
    choices: tuple[str, ...] = ()
    read_only: bool = False

    def check(self, value: Any) -> None:
        """Raise ValueError, naming value and limit, when the value must not be used."""
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"parameter {self.name} must be finite, got {value}")
        if self.range is not None and not self.range[0] <= value <= self.range[1]:
            low, high = self.range
            raise ValueError(f"parameter {self.name} must lie in [{low}, {high}], got {value}")
        if self.choices and value not in self.choices:
            raise ValueError(f"parameter {self.name} must be one of {', '.join(self.choices)}; got {value!r}")

    def descriptor(self) -> ParameterDescriptor:
        """What `ros2 param describe` shows."""
        constraints = []
        if self.choices:
            constraints.append(f"one of: {', '.join(self.choices)}")
        if self.read_only:
            constraints.append(READ_ONLY)
        descriptor = ParameterDescriptor(
            description=self.description, additional_constraints="; ".join(constraints)
        )
        if self.range is not None and isinstance(self.default, float):
            low, high = (float(limit) for limit in self.range)
            descriptor.floating_point_range = [FloatingPointRange(from_value=low, to_value=high)]
        elif self.range is not None:
            low, high = (int(limit) for limit in self.range)
            descriptor.integer_range = [IntegerRange(from_value=low, to_value=high)]
        return descriptor


def declare(node: Node, table: Sequence[Parameter]) -> None:
    """Declare the table; an override of wrong type or range raises rclpy's ParameterException."""
    for parameter in table:
        node.declare_parameter(parameter.name, parameter.default, parameter.descriptor())
