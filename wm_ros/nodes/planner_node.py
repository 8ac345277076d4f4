"""The third stage alone: latents and a goal image in, plans out."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from wm_ros.nodes.model_node import ModelNode
from wm_ros.nodes.planning_stage import GoalPlanner
from wm_ros.nodes.sources import LatentSource
from wm_ros.ros.process import run


class PlannerNode(ModelNode):
    """Plans from the newest latent; needs the encoder node's checkpoint, also to encode goal images."""

    def __init__(self, **node_options: Any):
        super().__init__("planner", LatentSource, (GoalPlanner,), **node_options)


def main(args: Sequence[str] | None = None) -> int:
    return run(PlannerNode, args)


if __name__ == "__main__":
    sys.exit(main())
