"""The second stage alone: latents in, latent actions out."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from wm_ros.nodes.inference_stage import LatentActions
from wm_ros.nodes.model_node import ModelNode
from wm_ros.nodes.sources import LatentSource
from wm_ros.ros.process import run


class LatentActionNode(ModelNode):
    """Infers what happened between the newest latent and the one a model step before it."""

    def __init__(self, **node_options: Any):
        super().__init__("latent_action", LatentSource, (LatentActions,), **node_options)


def main(args: Sequence[str] | None = None) -> int:
    return run(LatentActionNode, args)


if __name__ == "__main__":
    sys.exit(main())
