"""The last plan, as seen from now."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def shifted(knots: Tensor, passed: float, rest: Tensor | None = None) -> Tensor:
    """The plan as many knots later as `passed` says, which need not be whole: knots [K, A], past the end `rest` [A],
    which is zero by default.

    Each new knot is the mean of the old rates over its time. A robot replans far more often than once a knot:
    rounded to whole knots, the plan would never move on.
    """
    whole = min(math.floor(passed), len(knots))
    rest = torch.zeros_like(knots[0]) if rest is None else rest
    late = torch.cat([knots[whole:], rest.expand(whole + 1, -1)])
    return torch.lerp(late[:-1], late[1:], passed - math.floor(passed))
