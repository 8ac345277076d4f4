"""CUDA graphs without a compiler: what the launches of many small kernels cost, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

Captured = tuple[torch.cuda.CUDAGraph, list[Any], Tensor]


class Graphed:
    """A function of tensors to a tensor, captured for each combination of shapes it is first called with, then
    replayed; on a device without graphs it runs as it is."""

    def __init__(self, function: Callable[..., Tensor]) -> None:
        self._function = function
        self._captured: dict[object, Captured] = {}

    def __call__(self, *arguments: Any) -> Tensor:
        flat, spec = pytree.tree_flatten(arguments)
        if not any(isinstance(one, Tensor) and one.is_cuda for one in flat):
            return self._function(*arguments)
        shapes = tuple(one.shape if isinstance(one, Tensor) else one for one in flat)
        if shapes not in self._captured:
            self._captured[shapes] = self._capture(flat, spec)
        graph, inputs, result = self._captured[shapes]
        for own, given in zip(inputs, flat, strict=True):
            if isinstance(given, Tensor):
                own.copy_(given)
        graph.replay()
        return result.clone()  # the next replay writes there

    def _capture(self, flat: list[Any], spec: pytree.TreeSpec) -> Captured:
        inputs = [one.clone() if isinstance(one, Tensor) else one for one in flat]
        arguments = pytree.tree_unflatten(inputs, spec)
        # What libraries set up in their first calls must not be captured, and is set up for each stream.
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(2):
                self._function(*arguments)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            result = self._function(*arguments)
        return graph, inputs, result
