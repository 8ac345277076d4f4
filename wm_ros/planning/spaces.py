"""What plans can be made of, by name; imports no torch, since the nodes' parameters list them too."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from wm_ros.models.planning_model import PlanningModel
    from wm_ros.planning.space import Space

# Where each is, as `module.Class` of this folder.
SPACES = {"action": "action_space.ActionSpace", "latent": "latent_space.LatentSpace"}


def build_space(name: str, model: PlanningModel, precision: torch.dtype, compiled: bool) -> Space:
    """The space of this name; ValueError when it is unknown, or the model cannot be planned with in it."""
    if name not in SPACES:
        raise ValueError(f"unknown planner space {name!r}; known: {', '.join(SPACES)}")
    module, _, kind = SPACES[name].partition(".")
    space: Space = getattr(import_module(f"wm_ros.planning.{module}"), kind)(model, precision, compiled)
    return space
