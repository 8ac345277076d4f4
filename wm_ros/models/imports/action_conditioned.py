"""`vjepa2-ac-vitg.pt` to a world model of ours for one robot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from wm_ros.models.action_conditioned.model import ActionCard, ActionConditionedModel, require_fitting
from wm_ros.models.action_conditioned.predictor import ActionPredictor
from wm_ros.models.card import CheckpointError
from wm_ros.models.imports import vjepa2_layout
from wm_ros.models.imports.convert import Wanted, filled, from_hub
from wm_ros.models.imports.sources import digest, licence_of, read_torch, require_tensors
from wm_ros.models.weights import require_finite, require_same
from wm_ros.robots.profile import RobotProfile


def is_action_conditioned(path: Path) -> bool:
    """Whether this is a `.pt` file whose predictor is told actions."""
    data = read_torch(path) if path.is_file() else None
    predictor = data.get("predictor", ()) if isinstance(data, dict) else ()
    return any(str(name).endswith("action_encoder.weight") for name in predictor)


def convert_action_conditioned(path: Path, robot: RobotProfile, wanted: Wanted) -> ActionConditionedModel:
    """The model in a published file, for a robot whose actions are end-effector rates.

    Raises CheckpointError naming what was found and what was expected.
    """
    require_fitting(robot)
    if wanted.layer is not None or wanted.pool != 1:
        raise CheckpointError(
            f"{path}: its predictor needs all tokens of the last layer, not --layer or --pool"
        )
    licence = licence_of(path, wanted.licence, wanted.non_commercial)
    data: Any = read_torch(path)
    config, weights = from_hub(path, require_tensors(path, data, "encoder"), wanted)
    # Its pictures are the whole centre square: the published planner crops nothing more.
    config["input"]["shortest_edge"] = config["input"]["size"]
    config["source"] = {"file": path.name, "sha256": digest(path), "licence": licence}
    sizes = vjepa2_layout.PREDICTOR
    predictor_weights = vjepa2_layout.from_hub(require_tensors(path, data, "predictor"))
    encoder = filled(path, config, weights)
    with torch.device("meta"):
        expected = ActionPredictor(1, encoder.dim, **sizes).state_dict()
    require_same(path, predictor_weights, expected)
    model = ActionConditionedModel(ActionCard(config, dict(sizes), robot, licence))
    model.encoder = encoder
    model.predictor.load_state_dict(predictor_weights)
    require_finite(path, model.predictor)
    return model.eval().requires_grad_(False)
