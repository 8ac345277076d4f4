"""Several small networks trained at once: the probes of all seeds and controls, which differ in what they are shown."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wm_ros.training.optimise import rate_share

HIDDEN = (256, 128)  # as in [ACT]
RATE = 1e-3
WEIGHT_DECAY = 0.01
BATCH = 256
CHECKS = 30
# Numbers that hardly vary in what is learned from, such as a pixel of the background, may not in what is asked.
MIN_STD = 0.1  # of the mean of all numbers
REACH = 5.0
CHECKED_ROWS = 1024


class Probes(nn.Module):
    """One MLP of 256 and 128 units for each seed: inputs [S, B, I] to outputs [S, B, O]."""

    def __init__(self, inputs: int, outputs: int, seeds: Sequence[int]) -> None:
        super().__init__()
        sizes = (inputs, *HIDDEN, outputs)
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self.weights = nn.ParameterList(
            torch.stack([_kaiming(before, after, generator) for generator in generators])
            for before, after in itertools.pairwise(sizes)
        )
        self.biases = nn.ParameterList(torch.zeros(len(seeds), 1, size) for size in sizes[1:])

    def forward(self, x: Tensor) -> Tensor:
        for place, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = torch.baddbmm(bias, F.gelu(x) if place else x, weight)
        return x

    def keep(self, best: list[Tensor], better: Tensor) -> None:
        """Copy the weights of some networks [S] into `best`."""
        for kept, parameter in zip(best, self.parameters(), strict=True):
            kept[better] = parameter.detach()[better]


def fit(
    inputs: Sequence[np.ndarray],
    wanted: np.ndarray,
    groups: np.ndarray,
    seeds: Sequence[int],
    steps: int,
    progress: Callable[[float], None],
) -> Callable[[np.ndarray, int], np.ndarray]:
    """Fit one probe on each of the inputs [C, I], which may be the same array, to wanted [C, O], a seed for each.

    A fifth of the groups [C], which are episodes, is not learned from but chooses the step whose weights are kept:
    small recordings are learned by heart long before the last step. Returns the function from other inputs, and the
    number of the network, to what it predicts.
    """
    learned, checked = apart(groups)
    shown = [torch.from_numpy(array) for array in inputs]
    mean = torch.stack([array[learned].mean(dim=0, keepdim=True) for array in shown])
    std = torch.stack([_std(array[learned]) for array in shown])

    def normal(x: Tensor, network: int | slice = slice(None)) -> Tensor:
        return ((x - mean[network]) / std[network]).clamp(-REACH, REACH)

    centre, scale = wanted[learned].mean(axis=0), np.maximum(wanted[learned].std(axis=0), 1e-9)
    target = torch.from_numpy(((wanted - centre) / scale).astype(np.float32))
    probes = Probes(mean.shape[2], target.shape[1], seeds)
    optimiser = torch.optim.AdamW(probes.parameters(), lr=RATE, weight_decay=WEIGHT_DECAY)
    choose = [np.random.default_rng(seed) for seed in seeds]
    best, least = (
        [parameter.detach().clone() for parameter in probes.parameters()],
        torch.full((len(seeds),), np.inf),
    )
    checked = checked[np.linspace(0, len(checked) - 1, min(len(checked), CHECKED_ROWS)).round().astype(int)]

    def errors(rows: np.ndarray) -> Tensor:
        """Mean squared error [S] of each network on its own rows [S, B]."""
        batch = torch.stack([array[some] for array, some in zip(shown, torch.from_numpy(rows), strict=True)])
        return (probes(normal(batch)) - target[torch.from_numpy(rows)]).square().mean(dim=(1, 2))

    every = max(1, steps // CHECKS)
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = RATE * rate_share(step, steps)
        rows = np.stack([learned[generator.integers(0, len(learned), BATCH)] for generator in choose])
        # The networks share no weight, so the sum of their losses trains each alone.
        loss = errors(rows).sum()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        if (step + 1) % every == 0 or step + 1 == steps:
            with torch.no_grad():
                now = errors(np.broadcast_to(checked, (len(seeds), len(checked))).copy())
            probes.keep(best, now < least)
            least = torch.minimum(least, now)
            progress((step + 1) / steps)
    half = len(best) // 2

    @torch.no_grad()
    def predict(others: np.ndarray, network: int) -> np.ndarray:
        x = normal(torch.from_numpy(others), network)
        for place, (weight, bias) in enumerate(zip(best[:half], best[half:], strict=True)):
            x = (F.gelu(x) if place else x) @ weight[network] + bias[network]
        return x.numpy().astype(np.float64) * scale + centre

    return predict


def apart(groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows to learn from, and a fifth of the groups to choose weights by; of a single group, its last fifth."""
    names = np.unique(groups)
    if len(names) == 1:
        cut = max(1, round(0.8 * len(groups)))
        return np.arange(cut), np.arange(min(cut, len(groups) - 1), len(groups))
    chosen = np.random.default_rng(0).permutation(names)[: max(1, round(0.2 * len(names)))]
    return np.flatnonzero(~np.isin(groups, chosen)), np.flatnonzero(np.isin(groups, chosen))


def _std(inputs: Tensor) -> Tensor:
    """The standard deviation [1, I] of each number, of both halves of a pair on their own."""
    found = []
    for half in inputs.std(dim=0, keepdim=True).chunk(2, dim=1):
        found.append(half.clamp_min(max(MIN_STD * half.mean().item(), 1e-6)))
    return torch.cat(found, dim=1)


def _kaiming(before: int, after: int, generator: torch.Generator) -> Tensor:
    bound = (6.0 / before) ** 0.5
    return torch.empty(before, after).uniform_(-bound, bound, generator=generator)
