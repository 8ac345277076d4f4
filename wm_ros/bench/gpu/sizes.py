"""Networks of seeded weights in the published sizes, and the same in a size for trying everything out."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from wm_ros.bench.planning.models import random_model
from wm_ros.models.action_conditioned.model import ActionCard, ActionConditionedModel
from wm_ros.models.encoders.frozen import FrozenEncoder
from wm_ros.models.encoders.vjepa2 import VJepa2
from wm_ros.models.imports.vjepa2_layout import PREDICTOR, SIZES, input_rule
from wm_ros.models.world_model import WorldModel
from wm_ros.robots.profile import load_profile

WIDTHS = {"ViT-L": 1024, "ViT-g": 1408}
PIXELS, TOY_PIXELS = 256, 64


def encoder(name: str, toy: bool, device: str, precision: str) -> FrozenEncoder:
    """A V-JEPA 2 encoder of a published size, made on the device."""
    depth, heads, hidden = SIZES[WIDTHS[name]]
    size: dict[str, Any] = {"width": WIDTHS[name], "depth": depth, "heads": heads, "hidden": hidden}
    if toy:
        size = {"width": 48, "depth": 2, "heads": 2, "hidden": 96}
    pixels = TOY_PIXELS if toy else PIXELS
    torch.manual_seed(0)
    with torch.device(device):
        backbone = VJepa2(pixels, **size)
    made = FrozenEncoder(backbone, input_rule(pixels), precision=precision)
    return made.to(device).eval().requires_grad_(False)


def world_model(tokens: int, toy: bool, device: str) -> WorldModel:
    """A latent action world model of preset large for tokens of ViT-L."""
    return random_model("tiny", 4, device) if toy else random_model("large", tokens, device, dim=1024)


def action_conditioned(toy: bool, device: str, precision: str = "bfloat16") -> ActionConditionedModel:
    """V-JEPA 2-AC's predictor in the published size, for the Franka; its encoder, of one block, is never run."""
    width, predictor = (48, {"width": 48, "depth": 2, "heads": 2}) if toy else (1408, PREDICTOR)
    config = {
        "name": "vjepa2",
        "input": input_rule(TOY_PIXELS if toy else PIXELS),
        "model": {"width": width, "depth": 1, "heads": 2 if toy else 22, "hidden": width},
        "pool": 1,
        "normalise": True,
        "precision": precision,
    }
    torch.manual_seed(0)
    model = ActionConditionedModel(
        ActionCard(config, dict(predictor), load_profile("franka"), "seeded weights")
    )
    model.to(device)
    for parameter in model.predictor.parameters():
        nn.init.normal_(parameter, std=0.02)
    return model.eval().requires_grad_(False)
