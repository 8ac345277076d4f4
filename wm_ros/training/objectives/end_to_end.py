"""Encoder, inverse dynamics and forward model trained as one: [LAM] with an encoder that learns too, kept from
collapsing by SIGReg alone, as in LeWM (arXiv 2603.19312)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from wm_ros.models.bottlenecks.build import build_bottleneck
from wm_ros.models.forward_model import ForwardModel
from wm_ros.models.inverse_dynamics import InverseDynamics
from wm_ros.models.presets import preset_for
from wm_ros.training.objectives.objective import Objective
from wm_ros.training.sigreg import token_sigreg
from wm_ros.training.standardised import Trained, raw_tokens, standardised

LATENT = 8  # numbers of a latent action
BETA = 1e-5  # 3e-4 a nat shut the latent action
SIGREG_WEIGHT = 1.0


class EndToEnd(Objective):
    """Squared error of the next frames' tokens, given a latent action that was inferred from both, and SIGReg.

    No teacher, and gradients flow into both frames.
    """

    def __init__(self, encoder: Trained) -> None:
        super().__init__()
        sizes = preset_for("tiny", encoder.tokens, encoder.dim, LATENT // 4)
        self.bottleneck = build_bottleneck({"name": "noise", "beta": BETA}, LATENT)
        self.inverse = InverseDynamics(
            encoder.tokens, encoder.dim, self.bottleneck.outputs, **vars(sizes.inverse_dynamics)
        )
        self.model = ForwardModel(encoder.tokens, encoder.dim, LATENT, **vars(sizes.forward_model))

    def forward(
        self, encoder: Trained, clips: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        tokens = standardised(raw_tokens(encoder, clips.flatten(0, 1)))
        states = tokens.unflatten(0, clips.shape[:2])
        raw = self.inverse(states[:, :-1].flatten(0, 1), states[:, 1:].flatten(0, 1))
        latents, price = self.bottleneck(raw, generator)
        predicted = self.model(states[:, :-1], latents.unflatten(0, (len(states), -1)))
        error = F.mse_loss(predicted, states[:, 1:])
        gaussian = token_sigreg(tokens, generator)
        with torch.no_grad():
            still = F.mse_loss(states[:, :-1], states[:, 1:])
        figures = {"error_to_copy": (error / still).item(), "sigreg": gaussian.item()}
        return error + price + SIGREG_WEIGHT * gaussian, figures
