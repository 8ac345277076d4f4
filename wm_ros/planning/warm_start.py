"""The last plan, as seen from now."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def shifted(knots: Tensor, passed: float) -> Tensor:
    """The plan as many knots later as `passed` says, which need not be whole: knots [K, A], zero past the end.

    Each new knot is the mean of the old rates over its time. A robot replans far more often than once a knot:
    rounded to whole knots, the plan would never move on.
    """
    whole = min(math.floor(passed), len(knots))
    late = torch.cat([knots[whole:], knots.new_zeros(whole + 1, knots.shape[1])])
    return torch.lerp(late[:-1], late[1:], passed - math.floor(passed))
