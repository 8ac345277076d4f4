"""The processes of one training: each takes its share of every batch, and gathers what needs the whole batch."""

from __future__ import annotations

import atexit
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch import distributed as dist

from wm_ros.training.optimise import TrainingError

Batch = TypeVar("Batch", np.ndarray, Tensor, list[Any])


def process_count() -> int:
    """How many processes train together; 1 where none was launched with others."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def leave_in_order() -> None:
    """Have this process leave the others before its interpreter ends, once it is one of several.

    The threads by which they speak hold Python objects, and one that lets go of them too late aborts the process
    (pytorch/pytorch#179291).
    """
    # NCCL has no such threads, and waits in there for processes that have failed.
    if process_count() > 1 and dist.get_backend() == "gloo":
        atexit.register(_leave)


def _leave() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()


def mine(batch: Batch) -> Batch:
    """This process's rows of a whole batch: an array, tensor or list that is the same in all processes."""
    count = process_count()
    if count == 1:
        return batch
    if len(batch) % count:
        raise TrainingError(
            f"a batch of {len(batch)} cannot be divided among {count} processes: launch a number that divides it"
        )
    share = len(batch) // count
    start = share * dist.get_rank()
    return batch[start : start + share]


def gather(rows: Tensor) -> Tensor:
    """The whole batch of which each process holds its rows; the inverse of `mine`, and differentiable."""
    return rows if process_count() == 1 else _Gather.apply(rows)


def mean(value: float, figures: dict[str, float], device: torch.device) -> tuple[float, dict[str, float]]:
    """Mean over the processes of a loss and its figures."""
    if process_count() == 1:
        return value, figures
    together = torch.tensor([value, *figures.values()], dtype=torch.float64, device=device)
    dist.all_reduce(together)
    value, *others = (together / process_count()).tolist()
    return value, dict(zip(figures, others, strict=True))


class _Gather(torch.autograd.Function):
    """What every process makes of the whole batch adds up in the gradient of each one's rows."""

    @staticmethod
    def forward(context: Any, rows: Tensor) -> Tensor:
        parts = [torch.empty_like(rows) for _ in range(process_count())]
        dist.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        gradient = gradient.contiguous()
        dist.all_reduce(gradient)
        return mine(gradient)
