"""Everything of a phase of training that must come back for it to go on as if nothing had been."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from wm_ros.training.optimise import Report

Generators = Sequence[np.random.Generator | torch.Generator]


@runtime_checkable
class Stateful(Protocol):
    """A report that remembers."""

    def state_dict(self) -> dict[str, Tensor]: ...

    def load_state_dict(self, state: dict[str, Tensor]) -> None: ...


@dataclass(frozen=True)
class PhaseState:
    """What is trained, by which optimisers, what the loss draws from, and who is told of it.

    Torch's global random numbers belong to it too; the report does if it is `Stateful`.
    """

    modules: nn.Module
    optimisers: Sequence[Optimizer]
    generators: Generators
    report: Report

    def state_dict(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors by name, and what is for JSON: the states of NumPy's generators."""
        tensors = {f"weights.{name}": tensor for name, tensor in self.modules.state_dict().items()}
        tensors["random.global"] = torch.get_rng_state()
        numpy_states: dict[str, Any] = {}
        for index, generator in enumerate(self.generators):
            if isinstance(generator, torch.Generator):
                tensors[f"random.{index}"] = generator.get_state()
            else:
                numpy_states[str(index)] = generator.bit_generator.state
        for index, optimiser in enumerate(self.optimisers):
            for number, values in optimiser.state_dict()["state"].items():
                tensors |= {f"optimiser.{index}.{number}.{key}": value for key, value in values.items()}
        if isinstance(self.report, Stateful):
            tensors |= {f"report.{name}": tensor for name, tensor in self.report.state_dict().items()}
        # Copies: safetensors refuses tensors that share memory.
        return {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()}, numpy_states

    def load_state_dict(self, tensors: dict[str, Tensor], numpy_states: dict[str, Any]) -> None:
        """Put all of it back as it was."""
        self.modules.load_state_dict(below(tensors, "weights."))
        torch.set_rng_state(tensors["random.global"])
        for index, generator in enumerate(self.generators):
            if isinstance(generator, torch.Generator):
                generator.set_state(tensors[f"random.{index}"])
            else:
                generator.bit_generator.state = numpy_states[str(index)]
        for index, optimiser in enumerate(self.optimisers):
            state: dict[int, dict[str, Tensor]] = {}
            for name, tensor in below(tensors, f"optimiser.{index}.").items():
                number, _, key = name.partition(".")
                state.setdefault(int(number), {})[key] = tensor
            optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
        if isinstance(self.report, Stateful):
            self.report.load_state_dict(below(tensors, "report."))


def below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Those whose names begin with the prefix, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
