"""The default node: camera frames in; latents, latent actions and plans out, in one process."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from wm_ros.nodes.goal_view import GoalView
from wm_ros.nodes.inference_stage import LatentActions
from wm_ros.nodes.model_node import ModelNode
from wm_ros.nodes.planning_stage import GoalPlanner
from wm_ros.nodes.sources import CameraSource
from wm_ros.ros.process import run


class PipelineNode(ModelNode):
    """Encodes, infers and plans for the newest frame; tensors go from stage to stage by reference."""

    def __init__(self, **node_options: Any):
        super().__init__("pipeline", CameraSource, (LatentActions, GoalPlanner, GoalView), **node_options)


def main(args: Sequence[str] | None = None) -> int:
    return run(PipelineNode, args)


if __name__ == "__main__":
    sys.exit(main())
