"""Imagination: where robot actions would lead from what was observed, for all candidates of a plan."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from wm_ros.models.controller import StateConditioned
from wm_ros.models.forward_model import Cache

if TYPE_CHECKING:
    from wm_ros.models.world_model import WorldModel


class Imaginer:
    """The networks that imagine, in a precision of their own; called with what was observed, [T, N, D] states one model
    step apart, the newest last."""

    def __init__(self, model: WorldModel, precision: torch.dtype = torch.float32) -> None:
        self.infer, self.scale = model.infer, model.action_scale
        self.forward_model, self.controller = model.forward_model, model.controller
        if precision != torch.float32:
            self.forward_model = deepcopy(self.forward_model).to(precision)
            self.controller = deepcopy(self.controller).to(precision)
        self.precision = precision

    def __call__(self, observed: Tensor) -> Imagination:
        return Imagination(self, observed)


class Imagination:
    """Robot actions [S, H, A] (SI) to states [S, H, N, D]; what all candidates share is computed once, here.

    That is the keys and values of the observed past, and what the controller reads of the newest state. Each call
    keeps keys and values of the frames it imagined, and never computes a finished frame again: the same as the full
    pass over everything, up to rounding. No gradients.
    """

    def __init__(self, networks: Imaginer, observed: Tensor) -> None:
        self._forward, self._controller = networks.forward_model, networks.controller
        self._scale, self._precision = networks.scale, networks.precision
        self._newest, self._position = observed[-1:], len(observed) - 1
        self._past: Cache | None = None
        if self._position:
            led = networks.infer(observed[:-1], observed[1:])
            self._past = self._forward.observe(observed[:-1].to(self._precision), led.to(self._precision))
        self._context = None
        if isinstance(self._controller, StateConditioned):
            self._context = self._controller.context(self._newest.to(self._precision))

    def __call__(self, actions: Tensor) -> Tensor:
        candidates, steps = actions.shape[:2]
        told = self._told((actions / self._scale).to(self._precision))
        pasts = self._forward.pasts(candidates, steps, self._past)
        rotations = self._forward.rotations(self._position, steps).unbind()
        state, states = self._newest.expand(candidates, -1, -1), []
        for step in range(steps):
            latent_action = self._latent_action(told[:, step], None if step == 0 else state)
            state = self._forward.advance(state, latent_action, pasts, rotations[step])
            states.append(state)
        return torch.stack(states, dim=1)

    def _told(self, vectors: Tensor) -> Tensor:
        """As much of the controller [S, H, ...] as does not depend on the state."""
        flat = vectors.flatten(0, 1)
        if self._context is None:
            return self._controller(flat, self._newest).unflatten(0, vectors.shape[:2])
        return self._controller.embed_vector(flat).unflatten(0, vectors.shape[:2])

    def _latent_action(self, told: Tensor, state: Tensor | None) -> Tensor:
        if self._context is None:
            return told
        context = self._context if state is None else self._controller.context(state.to(self._precision))
        return self._controller.attend(told, context)
