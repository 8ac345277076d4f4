"""The `lerobot` package, where it is installed: see CONTRIBUTING.md for how to run the tests that need it."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import pytest


def lerobot_dataset() -> Any:
    """lerobot's class for data sets; skips the test where it cannot be imported."""
    pytest.importorskip("lerobot", reason="lerobot is not installed: CONTRIBUTING.md says how to run this")
    _import_torchvision()
    return importlib.import_module("lerobot.datasets.lerobot_dataset").LeRobotDataset


def _import_torchvision() -> None:
    """Also where its operators were built for another torch: lerobot needs none of them to read a set."""
    import torch

    try:
        import torchvision  # noqa: F401
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            raise
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        for operator in ("nms", "qnms"):
            signature = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
            torch.library.define(f"torchvision::{operator}", signature)
        importlib.import_module("torchvision")
