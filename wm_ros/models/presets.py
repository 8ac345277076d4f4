"""Sizes of the networks, from the embedded arm to the scale of the papers."""

from __future__ import annotations

from dataclasses import dataclass

from wm_ros.models.card import Network


@dataclass(frozen=True)
class Preset:
    """Inverse dynamics g, forward model p, controller c, and how many dimensions a latent action has."""

    inverse_dynamics: Network
    forward_model: Network
    controller: Network
    latent_action_dim: int


PRESETS = {
    # For the embedded arm.
    "tiny": Preset(Network(64, 2, 4), Network(64, 2, 4), Network(128, 1, 4), 4),
    # Forward models as large as ViT-S, ViT-B and ViT-L, before their modulation; the last is that of [LAM], which
    # does not print the sizes of g and c.
    "small": Preset(Network(256, 4, 4), Network(384, 12, 6), Network(256, 2, 4), 16),
    "base": Preset(Network(512, 4, 8), Network(768, 12, 12), Network(512, 2, 8), 64),
    "large": Preset(Network(768, 4, 12), Network(1024, 24, 16), Network(512, 2, 8), 128),
}
