"""How fast a world model of preset large trains on cached tokens of a ViT-L: a step, in the largest batch that fits."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from wm_ros.bench.gpu import sizes
from wm_ros.bench.gpu.rows import Figures, Rows, Setup, median_s, product_flops_per_s
from wm_ros.bench.memory import peak_mb
from wm_ros.models.world_model import WorldModel
from wm_ros.training.optimise import MAX_GRADIENT_NORM, make_optimisers
from wm_ros.training.world_model import FIRST_PRICE, RATE, inferred, train_world_model

TOKENS, STEPS = 256, 6  # of a frame; model steps of a clip
MOST_CLIPS, TOY_MOST_CLIPS = 512, 2


def measure(setup: Setup, rows: Rows) -> None:
    """Tokens a second and share of a matrix product's speed, in bf16 with weights in fp32; clips doubled until the
    memory is full."""
    product = product_flops_per_s(setup.device, setup.toy)
    model = sizes.world_model(TOKENS, setup.toy, setup.device).requires_grad_(True)
    parts = [model.inverse_dynamics, model.forward_model, model.bottleneck]
    step = Step(model, parts)
    with FlopCounterMode(display=False) as counter:
        step(1)
    flops, clips = counter.get_total_flops(), 1
    while clips <= (TOY_MOST_CLIPS if setup.toy else MOST_CLIPS):
        try:
            figures = _figures(step, clips, flops, product, setup)
        except torch.OutOfMemoryError:
            rows.add(f"{clips} clips", {"memory": "more than there is"})
            break
        rows.add(f"{clips} clips", figures)
        clips *= 2


class Step:
    """A step of training on so many clips of random states, as the phase `world model` takes it."""

    def __init__(self, model: WorldModel, parts: list[nn.Module]) -> None:
        self._model = model
        self._weights = [weight for part in parts for weight in part.parameters()]
        self._optimisers = make_optimisers("adamw", parts, RATE)
        self._generator = torch.Generator(model.device).manual_seed(0)

    def __call__(self, clips: int) -> None:
        encoder, device = self._model.encoder, self._model.device
        states = torch.randn(clips, STEPS + 1, encoder.tokens, encoder.dim, device=device)
        with torch.autocast(device.type, torch.bfloat16):
            raw = inferred(self._model, states)[1]
            latents, price = self._model.bottleneck(raw, self._generator)
            loss = train_world_model.error(self._model, states, latents) + FIRST_PRICE * price
        for optimiser in self._optimisers:
            optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self._weights, MAX_GRADIENT_NORM)
        for optimiser in self._optimisers:
            optimiser.step()


def _figures(step: Callable[[int], None], clips: int, flops: int, product: float, setup: Setup) -> Figures:
    memory = peak_mb(lambda: step(clips), setup.device)
    seconds = median_s(lambda: step(clips), setup.device, 1 if setup.toy else 3)
    tokens = clips * STEPS * (4 if setup.toy else TOKENS)
    return {
        "ms": round(1000 * seconds, 1),
        "tokens_per_s": round(tokens / seconds),
        "share_of_product": round(clips * flops / seconds / product, 3),
        "memory_mb": round(memory),
    }
