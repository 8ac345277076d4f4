"""Imagination: where robot actions would lead from what was observed, for all candidates of a plan."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import cast

import torch
from torch import Tensor, nn

from wm_ros.models.compiled import Compiled
from wm_ros.models.controller import StateConditioned
from wm_ros.models.forward_model import Cache, ForwardModel


class Imaginer:
    """The networks that imagine, in a precision of their own; called with what was observed, [T, N, D] states one model
    step apart, the newest last.

    infer: the latent action between two states; action_scale [A]: SI value of one normalised unit. compiled: see
    `models.compiled`; of what was observed only its length is a shape to compile for.
    """

    def __init__(
        self,
        forward_model: ForwardModel,
        controller: nn.Module,
        infer: Callable[[Tensor, Tensor], Tensor],
        action_scale: Tensor,
        precision: torch.dtype = torch.float32,
        compiled: bool = False,
    ) -> None:
        self.infer, self.scale = infer, action_scale
        self.forward_model, self.controller = forward_model, controller
        if precision != torch.float32:
            self.forward_model = deepcopy(self.forward_model).to(precision)
            self.controller = deepcopy(self.controller).to(precision)
        self.precision = precision
        self.roll = Compiled(self._roll, action_scale.device) if compiled else self._roll

    def __call__(self, observed: Tensor) -> Imagination:
        return Imagination(self, observed)

    def _roll(
        self,
        actions: Tensor,
        newest: Tensor,
        rotations: Tensor,
        past: Cache | None,
        context: Tensor | None,
    ) -> Tensor:
        """States [S, H, N, D] from the newest one [1, N, D]; see Imagination for the rest."""
        candidates, steps = actions.shape[:2]
        embedded = self._embedded((actions / self.scale).to(self.precision), newest, context is not None)
        caches = self.forward_model.caches(candidates, steps, past)
        state, states = newest.expand(candidates, -1, -1), []
        for step, rotation in enumerate(rotations.unbind()):
            latent_action = self._latent_action(embedded[:, step], context, None if step == 0 else state)
            state = self.forward_model.advance(state, latent_action, caches, rotation)
            states.append(state)
        return torch.stack(states, dim=1)

    @property
    def _conditioned(self) -> StateConditioned:
        return cast(StateConditioned, self.controller)  # a context came of it

    def _embedded(self, vectors: Tensor, newest: Tensor, in_context: bool) -> Tensor:
        """As much of the controller [S, H, ...] as does not depend on the state."""
        flat = vectors.flatten(0, 1)
        embedded = self._conditioned.embed_vector(flat) if in_context else self.controller(flat, newest)
        return embedded.unflatten(0, vectors.shape[:2])

    def _latent_action(self, embedded: Tensor, context: Tensor | None, state: Tensor | None) -> Tensor:
        if context is None:
            return embedded
        if state is not None:
            context = self._conditioned.context(state.to(self.precision))
        return self._conditioned.attend(embedded, context)


class Imagination:
    """Robot actions [S, H, A] (SI) to states [S, H, N, D]; what all candidates share is computed once, here.

    That is the keys and values of the observed past, and what the controller reads of the newest state. Each call
    keeps keys and values of the frames it imagined, and never computes a finished frame again: the same as the full
    pass over everything, up to rounding. No gradients.
    """

    def __init__(self, networks: Imaginer, observed: Tensor) -> None:
        self._networks, self._newest, self._position = networks, observed[-1:], len(observed) - 1
        controller, precision = networks.controller, networks.precision
        self._past: Cache | None = None
        if self._position:
            led = networks.infer(observed[:-1], observed[1:])
            self._past = networks.forward_model.observe(observed[:-1].to(precision), led.to(precision))
        self._context = None
        if isinstance(controller, StateConditioned):
            self._context = controller.context(self._newest.to(precision))

    def __call__(self, actions: Tensor) -> Tensor:
        rotations = self._networks.forward_model.rotations(self._position, actions.shape[1])
        return self._networks.roll(actions, self._newest, rotations, self._past, self._context)
