"""What a training step is made of: AdamW, or Muon with it, and a learning rate that warms up and falls as a cosine."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from wm_ros.models.blocks import Block
from wm_ros.models.forward_model import ModulatedBlock

WARM_UP_SHARE = 0.1
LAST_RATE_SHARE = 0.02
WEIGHT_DECAY = 0.04
MAX_GRADIENT_NORM = 1.0
# [LAM]: for the matrices of the blocks, and for all else where there are blocks.
MUON_RATE = 0.02
MUON_ADAMW_RATE = 6.25e-4
OPTIMISERS = ("adamw", "muon")

Loss = Callable[[], tuple[Tensor, dict[str, float]]]
Report = Callable[[int, dict[str, float]], None]


@dataclass(frozen=True)
class Schedule:
    """How many steps a phase of training has, which seed it draws from, and what each step is reported to."""

    steps: int
    seed: int
    report: Report


class TrainingError(RuntimeError):
    """Training that cannot go on; the message says at which step and what to change."""


def make_optimisers(name: str, modules: Sequence[nn.Module], rate: float) -> list[Optimizer]:
    """AdamW at `rate` for all weights; or Muon for the matrices of transformer blocks and AdamW for the rest [LAM].

    With `muon`, modules without blocks keep AdamW at their own rate: Muon is for hidden matrices alone, neither for
    convolutions nor for the first and last layers.
    """
    parameters = [parameter for module in modules for parameter in module.parameters()]
    matrices = hidden_matrices(modules) if name == "muon" else []
    if not matrices:
        return [_adamw(parameters, rate)]
    chosen = set(map(id, matrices))
    rest = [parameter for parameter in parameters if id(parameter) not in chosen]
    muon = torch.optim.Muon(matrices, lr=MUON_RATE, weight_decay=WEIGHT_DECAY)
    return [muon, _adamw(rest, MUON_ADAMW_RATE)]


def require_optimiser(name: str) -> None:
    """Raise TrainingError when there is no such optimiser, or this torch does not have it."""
    if name not in OPTIMISERS:
        raise TrainingError(f"no optimiser is called {name!r}; known: {', '.join(OPTIMISERS)}")
    if name == "muon" and not hasattr(torch.optim, "Muon"):
        raise TrainingError(
            f"the optimiser muon needs torch 2.9 or newer, this is {torch.__version__}: update torch, or use adamw"
        )


def hidden_matrices(modules: Sequence[nn.Module]) -> list[nn.Parameter]:
    """The matrices inside the transformer blocks of these modules."""
    blocks = [
        part for module in modules for part in module.modules() if isinstance(part, (Block, ModulatedBlock))
    ]
    return [parameter for block in blocks for parameter in block.parameters() if parameter.ndim == 2]


def set_rates(optimisers: Sequence[Optimizer], share: float) -> None:
    """Set every learning rate to this share of its highest."""
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = optimiser.defaults["lr"] * share


def rate_share(step: int, steps: int) -> float:
    """Learning rate at a step as a share of the highest: linear warm-up, then cosine."""
    warm_up = max(1, round(WARM_UP_SHARE * steps))
    if step < warm_up:
        return (step + 1) / warm_up
    progress = (step - warm_up) / max(1, steps - warm_up)
    return LAST_RATE_SHARE + (1.0 - LAST_RATE_SHARE) * 0.5 * (1.0 + math.cos(math.pi * progress))


def _adamw(parameters: Sequence[nn.Parameter], rate: float) -> Optimizer:
    return torch.optim.AdamW(parameters, lr=rate, weight_decay=WEIGHT_DECAY, betas=(0.9, 0.95), fused=True)
