"""The one training loop: AdamW, warm-up, cosine, clipped gradients, and a stop when the loss is not finite."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

WARM_UP_SHARE = 0.1
LAST_RATE_SHARE = 0.02
WEIGHT_DECAY = 0.04
MAX_GRADIENT_NORM = 1.0

Loss = Callable[[], tuple[Tensor, dict[str, float]]]
Report = Callable[[int, dict[str, float]], None]


class TrainingError(RuntimeError):
    """Training that cannot go on; the message says at which step and what to change."""


def optimise(
    name: str, parameters: Iterable[nn.Parameter], loss: Loss, steps: int, rate: float, report: Report
) -> None:
    """Minimise `loss()` for `steps` steps; `report(step, figures)` after each.

    Raises TrainingError as soon as a loss is NaN or infinite, before it reaches a weight.
    """
    parameters = list(parameters)
    optimizer = torch.optim.AdamW(parameters, lr=rate, weight_decay=WEIGHT_DECAY, betas=(0.9, 0.95))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate_share(step, steps))
    for step in range(1, steps + 1):
        value, figures = loss()
        if not torch.isfinite(value):
            raise TrainingError(
                f"{name}: loss is {value.item()} at step {step} of {steps}; lower the learning rate ({rate:g}) "
                "or look for broken frames and commands with `wm_ros inspect`"
            )
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        nn.utils.clip_grad_norm_(parameters, MAX_GRADIENT_NORM)
        optimizer.step()
        schedule.step()
        report(step, figures)


def rate_share(step: int, steps: int) -> float:
    """Learning rate at a step as a share of the highest: linear warm-up, then cosine."""
    warm_up = max(1, round(WARM_UP_SHARE * steps))
    if step < warm_up:
        return (step + 1) / warm_up
    progress = (step - warm_up) / max(1, steps - warm_up)
    return LAST_RATE_SHARE + (1.0 - LAST_RATE_SHARE) * 0.5 * (1.0 + math.cos(math.pi * progress))
