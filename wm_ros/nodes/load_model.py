"""From the node's parameters to a model that fits the robot, or to an error that says why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wm_ros.robots.profile import RobotProfile

if TYPE_CHECKING:
    from wm_ros.models.planning_model import PlanningModel


def load_model(profile: RobotProfile, checkpoint: str, device: str, num_threads: int) -> PlanningModel:
    """Load the checkpoint for this robot, by its kind; torch is imported here, not when the node starts.

    What the nodes have to know of the kinds, the models say: `latent_actions`, `needs_pose` and `precisions`.

    Raises RuntimeError without torch, CheckpointError for a checkpoint that is missing, damaged, of another
    robot, or for a device that cannot be used.
    """
    try:
        import torch
    except ImportError as error:
        raise RuntimeError(f"the model needs torch ({error}): `pip install torch`, or `make venv`") from error

    from wm_ros.models.checkpoint import find_checkpoint, require_robot
    from wm_ros.models.load import load_planning_model

    torch.set_num_threads(num_threads)
    model: PlanningModel = load_planning_model(find_checkpoint(checkpoint, profile), device)
    require_robot(model, profile)
    return model
