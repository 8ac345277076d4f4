"""Any model that can plan, by the kind that its card names."""

from __future__ import annotations

from pathlib import Path

from wm_ros.models.action_conditioned.model import (
    ActionConditionedModel,
    is_action_conditioned,
    load_action_conditioned,
)
from wm_ros.models.checkpoint import load_checkpoint
from wm_ros.models.world_model import WorldModel


def load_planning_model(folder: Path, device: str = "cpu") -> WorldModel | ActionConditionedModel:
    """Read a model for use on `device`; CheckpointError when it is missing or damaged."""
    return (
        load_action_conditioned(folder, device)
        if is_action_conditioned(folder)
        else load_checkpoint(folder, device)
    )
