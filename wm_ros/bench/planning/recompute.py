"""The straightforward way to imagine: all frames so far through the forward model again at every step."""

from __future__ import annotations

import torch
from torch import Tensor

from wm_ros.models.world_model import WorldModel


def recompute(model: WorldModel, observed: Tensor, actions: Tensor) -> Tensor:
    """States [S, H, N, D] that actions [S, H, A] (SI) lead to from observed ones [T, N, D], the newest last.

    As planners do that keep nothing: every candidate has its own copy of what was observed.
    """
    candidates = len(actions)
    states = observed.expand(candidates, -1, -1, -1)
    led = None
    if len(observed) > 1:
        led = model.infer(observed[:-1], observed[1:]).expand(candidates, -1, -1)
    for step in range(actions.shape[1]):
        told = model.latent_action(actions[:, step], states[:, -1])[:, None]
        led = told if led is None else torch.cat([led, told], dim=1)
        following = model.forward_model(states, led)[:, -1:]
        states = torch.cat([states, following], dim=1)
    return states[:, len(observed) :]
