"""The first stage alone: camera frames in, latents out, for systems spread over several hosts."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from wm_ros.nodes.model_node import ModelNode
from wm_ros.nodes.sources import CameraSource
from wm_ros.ros.process import run


class EncoderNode(ModelNode):
    """Encodes the newest frame."""

    def __init__(self, **node_options: Any):
        super().__init__("encoder", CameraSource, **node_options)


def main(args: Sequence[str] | None = None) -> int:
    return run(EncoderNode, args)


if __name__ == "__main__":
    sys.exit(main())
