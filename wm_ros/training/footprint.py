"""What training a world model takes, measured on one step of it."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wm_ros.models.card import Card
from wm_ros.models.world_model import WorldModel
from wm_ros.training import world_model
from wm_ros.training.clips import Clips
from wm_ros.training.engine import Engine
from wm_ros.training.labelled import train_labelled_rollouts
from wm_ros.training.optimise import Schedule
from wm_ros.training.world_model import train_world_model_rollouts

PARTS_TRAINED = ("bottleneck", "inverse_dynamics", "forward_model")


@dataclass(frozen=True)
class Footprint:
    """Memory of training a world model, in bytes, for one batch of `shape` [clips, frames, tokens, dim].

    weights: of all networks; gradients and optimizer (AdamW: two numbers a weight) of those that are trained together;
    activations: what the step kept for its backward pass. What a kernel needs for itself comes on top.
    """

    shape: tuple[int, ...]
    weights: int
    gradients: int
    optimizer: int
    activations: int
    seconds: float

    @property
    def together(self) -> int:
        return self.weights + self.gradients + self.optimizer + self.activations


def count_weights(card: Card) -> dict[str, int]:
    """Numbers in each part of the model that a card describes, without making them."""
    with torch.device("meta"):
        model = WorldModel(card)
    return {name: _numbers(part) for name, part in model.named_children()}


def measure_step(model: WorldModel, frames: int) -> Footprint:
    """Train a model for one step of rollouts, which take most, on clips of random states, and say what that took."""
    batch = world_model.BATCH
    shape = (batch, frames, model.encoder.tokens, model.encoder.dim)
    actions = np.random.default_rng(0).uniform(-1, 1, (batch * frames, len(model.card.action_scale)))
    engine = Engine()
    rows = np.arange(batch * frames)
    states = torch.randn(batch * frames, *shape[2:])
    clips = Clips(states, rows[::frames], rows + 1, frames - 1, actions.astype(np.float32), engine.device)
    model.to(engine.device)
    train = train_labelled_rollouts if model.card.labelled else train_world_model_rollouts
    own = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    started = time.monotonic()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        train(model, clips, Schedule(1, 0, lambda step, figures: None), engine)
    seconds = time.monotonic() - started
    trained = 4 * sum(_numbers(getattr(model, name)) for name in PARTS_TRAINED)
    return Footprint(shape, 4 * _numbers(model), trained, 2 * trained, sum(kept.values()), seconds)


def _numbers(part: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in part.parameters())
